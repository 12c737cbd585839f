import { onEach, onEachMachine, type Strip, strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import type { Profile } from "../kernel/index.ts";
import { MREMAP, PROT } from "./mman.ts";
import { VM } from "./vm-flags.ts";

const HERE = 0x20000000;
const P = 4096;

/** The strip that a story leaves on each release. */
const drawn = (tell: (profile: Profile) => Strip) => onEach((profile) => `${tell(profile)}`);

describe("what merges depends on the release", () => {
  test("touched memory joins a neighbour that nothing was written to: not before 6.16", () => {
    const tell = (p: Profile): Strip => strip("..NN", p).write("..^^").mmap("nn..").mprotect("..nn");
    expect(drawn(tell)).toEqual({ "5.4": "nn|nn", "6.1": "nn|nn", "6.18": "nnnn" });
  });

  test("untouched memory joins a touched neighbour everywhere", () => {
    const tell = (p: Profile): Strip => strip("..NN", p).write("..^^").mmap("nn..").mprotect("NN..");
    expect(drawn(tell)).toEqual({ "5.4": "NNNN", "6.1": "NNNN", "6.18": "NNNN" });
  });

  test("a new mapping between two anon_vmas joins the one below, in 6.1 the one above", () => {
    const tell = (p: Profile): Strip => strip("AA..AA", p).write("^^..^^").mmap("..AA..");
    expect(drawn(tell)).toEqual({ "5.4": "AAAA|AA", "6.1": "AA|AAAA", "6.18": "AAAA|AA" });
  });

  test("a new mapping below a touched one and above an untouched one joins only the touched one in 6.1", () => {
    const tell = (p: Profile): Strip => strip("AA..AA", p).write("....^^").mmap("..AA..");
    expect(drawn(tell)).toEqual({ "5.4": "AAAAAA", "6.1": "AA|AAAA", "6.18": "AAAAAA" });
    const other = (p: Profile): Strip => strip("AA..AA", p).write("^^....").mmap("..AA..");
    expect(drawn(other)).toEqual({ "5.4": "AAAAAA", "6.1": "AAAAAA", "6.18": "AAAAAA" });
  });

  test("a fork child's memory takes nobody in, whichever neighbour is asked first", () => {
    const tell = (p: Profile): Strip => strip("AA..AA", p).write("^^..^^").fork().mmap("..AA..");
    expect(drawn(tell)).toEqual({ "5.4": "AA|AA|AA", "6.1": "AA|AA|AA", "6.18": "AA|AA|AA" });
  });

  test("a mapping with a close hook shifts its border towards another: not before close hooks could grow", () => {
    const sizes = onEachMachine((m) => {
      m.ask({ call: "shmget", key: 0, size: 6 * P, shm: 7 });
      m.ask({ call: "shmat", shm: 7, addr: HERE, flags: 0 });
      m.ask({ call: "mprotect", addr: HERE + 3 * P, length: 3 * P, prot: PROT.READ });
      m.ask({ call: "mprotect", addr: HERE + 2 * P, length: P, prot: PROT.READ });
      return m
        .mm()
        .vmas.toArray()
        .map((v) => v.pages);
    });
    expect(sizes).toEqual({ "5.4": [2, 1, 3], "6.1": [2, 1, 3], "6.18": [2, 4] });
  });

  test("memory that mprotect closed untouched is as good as never opened: only where the charge is released", () => {
    const tell = (p: Profile): Strip => strip("AA..", p).mprotect("__..").mmap("..__");
    expect(drawn(tell)).toEqual({ "5.4": "__|__", "6.1": "__|__", "6.18": "____" });
    const charged = onEach((p) => strip("AA", p).mprotect("aa").machine.state.committed);
    expect(charged).toEqual({ "5.4": 2, "6.1": 2, "6.18": 0 });
  });

  test("what mremap adds in place reaches the next mapping and joins it: not in 5.4", () => {
    const tell = (p: Profile): Strip => strip("AA..AA", p).mremap("^^....", "^^^^..", MREMAP.MAYMOVE);
    expect(drawn(tell)).toEqual({ "5.4": "AAAA|AA", "6.1": "AAAAAA", "6.18": "AAAAAA" });
  });

  test("guard regions mark their mapping, and the mark does not stop a merge", () => {
    const tell = (p: Profile): Strip => strip("AA..", p).madvise("^^..", 102).mmap("..AA");
    expect(onEach((p) => tell(p).last)).toEqual({ "5.4": "ok", "6.1": "ok", "6.18": "ok" });
    expect(onEach((p) => strip("AA", p).madvise("^^", 102).last)).toEqual({
      "5.4": "EINVAL",
      "6.1": "EINVAL",
      "6.18": "ok",
    });
    expect(onEach((p) => tell(p).vma(0).flags & VM.MAYBE_GUARD)).toEqual({
      "5.4": 0,
      "6.1": 0,
      "6.18": VM.MAYBE_GUARD,
    });
  });

  test("memory that fork wiped begins with an anon_vma in 5.4, and no longer merges with what has another", () => {
    const wiped = onEach((p) => strip("AA", p).madvise("^^", 18).fork().vma(0).anonVma !== 0);
    expect(wiped).toEqual({ "5.4": true, "6.1": false, "6.18": false });
  });
});
