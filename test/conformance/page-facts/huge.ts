import { MADV } from "@pagetrail/core";
import {
  advise,
  anon,
  BLOCK,
  by,
  exit,
  type Fact,
  fork,
  lock,
  MOVE,
  mprotect,
  mremap,
  munmap,
  READ,
  read,
  unmapping,
  write,
} from "./fact.ts";

/** 2 × 2 MiB that may become huge pages. */
export const HUGE_READY = [anon(0, 2 * BLOCK), advise(MADV.HUGEPAGE, 0, 2 * BLOCK)];

export const HUGE: readonly Fact[] = [
  {
    says: "a write to memory that wants huge pages takes 2 MiB, and a table in reserve",
    first: [...HUGE_READY, read(BLOCK)],
    act: [write(0)],
    change: { minor: 1, RssAnon: BLOCK, VmRSS: BLOCK, AnonHugePages: BLOCK, VmPTE: 1 },
  },
  {
    says: "a read maps 2 MiB of zeros",
    first: [...HUGE_READY, write(BLOCK)],
    act: [read(0)],
    change: { minor: 1, VmPTE: 1 },
  },
  {
    says: "a table that is there already keeps huge pages out",
    first: [anon(0, BLOCK), write(1), advise(MADV.HUGEPAGE, 0, BLOCK)],
    act: [write(0)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1 },
  },
  {
    says: "protecting a part of a huge page splits it",
    first: [...HUGE_READY, write(0)],
    act: [mprotect(3, 1, READ)],
    change: { AnonHugePages: -BLOCK, VmData: -1 },
  },
  {
    says: "a write to a huge page that a fork shares copies one small page",
    first: [...HUGE_READY, write(0), fork],
    act: [write(5)],
    change: {
      ...{ minor: 1, AnonHugePages: -BLOCK, Private_Dirty: 1, Shared_Dirty: -1 },
      ...{ Pss: 0.5, Pss_Dirty: 0.5 },
    },
  },
  {
    says: "a whole huge page is taken over when the others are gone",
    first: [...HUGE_READY, write(0), fork, exit(1)],
    act: [write(5)],
    change: { minor: 1 },
  },
  {
    says: "a fork shares a huge page, for a table in reserve",
    first: [...HUGE_READY, write(0)],
    act: [fork],
    change: { Shared_Dirty: BLOCK, Private_Dirty: -BLOCK, Pss: -BLOCK / 2, Pss_Dirty: -BLOCK / 2 },
  },
];

/** A huge page in small entries, of which a child had all until it exited. */
const HUGE_IN_PARTS = [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, exit(1)];
const GONE = { Anonymous: -1, RssAnon: -1, VmRSS: -1 };

export const HUGE_PARTS: readonly Fact[] = [
  {
    says: "a page of one is taken over when the others are gone",
    first: HUGE_IN_PARTS,
    act: [write(2)],
    change: { minor: 1 },
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "so it is where another page of it is no longer mapped",
    first: [...HUGE_IN_PARTS, munmap(1, 1)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["a-bc"], ["a-bc"]],
  },
  {
    says: "so it is where another page of it was moved",
    first: [...HUGE_IN_PARTS, mremap(1, 1, 1, MOVE, 4 * BLOCK)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["a-bc"], ["a-bc"]],
  },
  {
    says: "so it is for the page that was moved",
    first: [...HUGE_IN_PARTS, mremap(1, 1, 1, MOVE, 2 * BLOCK + 7)],
    act: [write(2 * BLOCK + 7)],
    change: { minor: 1 },
  },
  {
    says: "a page of one is copied while a child maps the same page",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork],
    act: [write(2)],
    change: { minor: 1, Private_Dirty: 1, Shared_Dirty: -1, Pss: 0.5, Pss_Dirty: 0.5 },
    frames: [
      ["abcd", "abcd"],
      ["abed", "abcd"],
    ],
  },
  {
    says: "a page of one is copied while a child maps any other page of it",
    first: [
      ...HUGE_READY,
      write(0),
      mprotect(3, 1, READ),
      fork,
      by(1, unmapping(0, 3)),
      by(1, unmapping(4, 2 * BLOCK - 4)),
    ],
    act: [write(2)],
    change: { minor: 1 },
    frames: [
      ["abcd", "---d"],
      ["abed", "---d"],
    ],
  },
  {
    says: "a page of one is copied by a grandchild, though it is left alone: a third address space is not followed",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, by(1, { life: "fork" }), exit(0), exit(1)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "so it is by a second child",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(0), exit(1)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "so it is by a second child, whichever of the others went first",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(1), exit(0)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "a page of one is taken over by the parent that is left",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(2), exit(1)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "the last page of one that is mapped is copied, so that the rest is free",
    first: [...HUGE_IN_PARTS, munmap(0, 2), munmap(3, 2 * BLOCK - 3)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["--a-"], ["--b-"]],
  },
  {
    says: "of one that may be written to, it is not",
    first: [...HUGE_READY, write(0), munmap(0, 2), munmap(3, 2 * BLOCK - 3)],
    act: [write(2)],
    change: {},
    frames: [["--a-"], ["--a-"]],
  },
  {
    says: "one of its pages that may not be written to stays so when it is locked",
    first: [...HUGE_IN_PARTS, lock(0, 4)],
    act: [read(3)],
    change: {},
  },
  {
    says: "a page of one that goes leaves the others where they are",
    first: [...HUGE_READY, write(0)],
    act: [munmap(1, 1)],
    change: { ...GONE, AnonHugePages: -BLOCK, VmSize: -1 },
    frames: [["abcd"], ["a-cd"]],
  },
];

/** A huge page, whole. */
const WHOLE = [...HUGE_READY, write(0)];
/** One that is mapped page by page. */
const IN_PARTS = [...WHOLE, mprotect(3, 1, READ)];

/** What an advice does to huge pages; no number is said, so that the model is held to all that the kernel tells. */
const adviceOn = (name: "COLD" | "FREE" | "PAGEOUT"): readonly Fact[] => {
  const says = (of: string): string => `MADV_${name} of ${of}`;
  const advised = (page: number, pages: number) => advise(MADV[name], page, pages);
  return [
    { says: says("a whole one"), first: WHOLE, act: [advised(0, BLOCK)] },
    { says: says("a part of one"), first: WHOLE, act: [advised(2, 5)] },
    {
      says: says("a part of one, then a fork and an exit"),
      first: [...WHOLE, advised(2, 5), fork, fork, exit(0), exit(1)],
      act: [write(9, 2)],
      member: 2,
    },
    { says: says("a whole one that a child has too"), first: [...WHOLE, fork], act: [advised(0, BLOCK)] },
    { says: says("a part of one that a child has too"), first: [...WHOLE, fork], act: [advised(2, 5)] },
    { says: says("zeros"), first: [...HUGE_READY, read(0)], act: [advised(0, BLOCK)] },
    { says: says("a part of zeros"), first: [...HUGE_READY, read(0)], act: [advised(2, 5)] },
    { says: says("one in parts"), first: IN_PARTS, act: [advised(0, BLOCK)] },
    { says: says("some parts"), first: IN_PARTS, act: [advised(1, 5)] },
    {
      says: says("what is left of one"),
      first: [...WHOLE, munmap(8, 2 * BLOCK - 8)],
      act: [advised(0, 8)],
    },
    { says: says("some parts that a child has too"), first: [...IN_PARTS, fork], act: [advised(1, 5)] },
    { says: `a write after ${says("a whole one")}`, first: [...WHOLE, advised(0, BLOCK)], act: [write(1)] },
  ];
};

export const HUGE_ADVICE: readonly Fact[] = (["COLD", "FREE", "PAGEOUT"] as const).flatMap(adviceOn);
