import { MADV } from "@pagetrail/core";
import {
  advise,
  anon,
  BLOCK,
  DISK,
  exit,
  type Fact,
  fork,
  lock,
  MEMFD,
  MOVE,
  mprotect,
  mremap,
  munmap,
  privateFile,
  READ,
  RW,
  read,
  sharedAnon,
  sharedFile,
  truncate,
  write,
} from "./fact.ts";
import { HUGE_READY } from "./huge.ts";

/** Two pages in swap, and the others in memory. */
const SWAPPED = [anon(0, 8), write(0), write(1), write(2), write(3), advise(MADV.PAGEOUT, 0, 2)];
const OUT = { RssAnon: -1, VmRSS: -1, VmSwap: 1 };
const IN = { RssAnon: 1, VmRSS: 1, VmSwap: -1 };

/** What is known where swap is switched on, as memory that is compressed. */
export const SWAP_FACTS: readonly Fact[] = [
  {
    says: "MADV_PAGEOUT puts written pages into swap",
    first: [anon(0, 8), write(0), write(1)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: OUT,
  },
  { says: "a read brings one back", first: SWAPPED, act: [read(0)], change: { ...IN, major: 1 } },
  { says: "a write brings one back", first: SWAPPED, act: [write(0)], change: { ...IN, major: 1 } },
  { says: "one that was read may be written to", first: [...SWAPPED, read(0)], act: [write(0)], change: {} },
  { says: "munmap frees what is in swap", first: SWAPPED, act: [munmap(0, 8)] },
  {
    says: "MADV_DONTNEED frees what is in swap",
    first: SWAPPED,
    act: [advise(MADV.DONTNEED, 0, 1)],
    change: { VmSwap: -1 },
  },
  {
    says: "MADV_FREE frees what is in swap",
    first: SWAPPED,
    act: [advise(MADV.FREE, 0, 1)],
    change: { VmSwap: -1 },
  },
  {
    says: "MADV_WILLNEED reads what is in swap",
    first: [...SWAPPED, advise(MADV.WILLNEED, 0, 2)],
    act: [read(0)],
  },
  {
    says: "mremap moves what is in swap",
    first: [...SWAPPED, mremap(0, 4, 4, MOVE, 16)],
    act: [read(16)],
    change: { ...IN, major: 1 },
  },
  {
    says: "protection goes for what is in swap",
    first: [...SWAPPED, mprotect(0, 4, READ)],
    act: [read(0)],
    change: { ...IN, major: 1 },
  },
  {
    says: "protection and back",
    first: [...SWAPPED, mprotect(0, 4, READ), read(0), mprotect(0, 4, RW)],
    act: [write(0)],
  },
  { says: "a fork copies what is in swap", first: SWAPPED, act: [fork] },
  { says: "the first to read after a fork", first: [...SWAPPED, fork], act: [read(0)] },
  {
    says: "the second to read after a fork",
    first: [...SWAPPED, fork, read(0)],
    act: [read(0, 1)],
    member: 1,
  },
  { says: "the first to write after a fork", first: [...SWAPPED, fork], act: [write(0)] },
  {
    says: "the second to write after a fork",
    first: [...SWAPPED, fork, write(0)],
    act: [write(0, 1)],
    member: 1,
  },
  { says: "a write after both read", first: [...SWAPPED, fork, read(0), read(0, 1)], act: [write(0)] },
  {
    says: "a write after both read and one exited",
    first: [...SWAPPED, fork, read(0), read(0, 1), exit(1)],
    act: [write(0)],
  },
  { says: "a write after one read", first: [...SWAPPED, fork, read(0)], act: [write(0)] },
  {
    says: "a write after one read and the other exited",
    first: [...SWAPPED, fork, read(0), exit(1)],
    act: [write(0)],
  },
  { says: "a write after the other exited", first: [...SWAPPED, fork, exit(1)], act: [write(0)] },
  {
    says: "a write after the other exited, read first",
    first: [...SWAPPED, fork, exit(1), read(0)],
    act: [write(0)],
  },
  {
    says: "out, in and out again",
    first: [...SWAPPED, read(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [write(0)],
  },
  {
    says: "a shared page stays",
    first: [anon(0, 8), write(0), fork],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: {},
  },
  { says: "locking brings it back", first: SWAPPED, act: [lock(0, 2)] },
  { says: "populating brings it back", first: SWAPPED, act: [advise(MADV.POPULATE_READ, 0, 2)] },
  { says: "populating for writing brings it back", first: SWAPPED, act: [advise(MADV.POPULATE_WRITE, 0, 2)] },
  {
    says: "what was only read goes nowhere",
    first: [anon(0, 8), read(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: {},
  },
  {
    says: "shared memory goes to swap",
    first: [sharedAnon(0, 4), write(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  {
    says: "shared memory comes back",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [read(0)],
  },
  {
    says: "shared memory comes back with a write",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [write(0)],
  },
  {
    says: "shared memory that was only read goes away",
    first: [sharedAnon(0, 4), read(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  {
    says: "populating shared memory from swap",
    first: [sharedAnon(0, 4), write(0), write(1), advise(MADV.PAGEOUT, 0, 2)],
    act: [advise(MADV.POPULATE_READ, 0, 4)],
  },
  {
    says: "a child brings shared memory back",
    first: [sharedAnon(0, 4), write(0), fork, advise(MADV.PAGEOUT, 0, 1)],
    act: [read(0, 1)],
    member: 1,
  },
  {
    says: "a file in memory is cut while in swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), truncate(MEMFD, 2)],
    act: [truncate(MEMFD, 8)],
  },
  {
    says: "a private mapping of shared memory from swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), privateFile(MEMFD, 16, 8, RW, 0)],
    act: [read(18)],
  },
  {
    says: "a private write to shared memory from swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), privateFile(MEMFD, 16, 8, RW, 0)],
    act: [write(18)],
  },
  {
    says: "MADV_REMOVE of what is in swap",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [advise(MADV.REMOVE, 0, 1)],
  },
  {
    says: "MADV_WILLNEED of shared memory in swap",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1), advise(MADV.WILLNEED, 0, 1)],
    act: [read(0)],
  },
  {
    says: "a huge page goes to swap",
    first: [...HUGE_READY, write(0)],
    act: [advise(MADV.PAGEOUT, 0, BLOCK)],
  },
  {
    says: "a huge page comes back",
    first: [...HUGE_READY, write(0), advise(MADV.PAGEOUT, 0, BLOCK)],
    act: [read(5)],
  },
  {
    says: "MADV_FREE, then out",
    first: [anon(0, 8), write(0), advise(MADV.FREE, 0, 1)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  { says: "wipe on fork", first: [...SWAPPED, advise(MADV.WIPEONFORK, 0, 8)], act: [fork] },
  {
    says: "a private copy of a file goes to swap",
    first: [privateFile(DISK, 0, 4), write(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
];
