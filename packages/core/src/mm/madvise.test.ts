import { flagged, Machine, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import { MADV, MAP } from "./mman.ts";
import { VM } from "./vm-flags.ts";

const HERE = 0x20000000;

describe("madvise", () => {
  test("changes flags of a part, and back", () => {
    const s = strip("AAAA").madvise(".xx.", MADV.DONTFORK);
    expect(`${s}`).toBe("ACCA");
    expect(`${s.madvise(".xx.", MADV.DOFORK)}`).toBe("AAAA");
  });

  test("passes over holes, and says ENOMEM when it has done the rest", () => {
    const s = strip("AA.AA").madvise("xxxxx", MADV.DONTFORK);
    expect(s.last).toBe("ENOMEM");
    expect(`${s}`).toBe("CC.CC");
  });

  test("stops at a mapping that refuses, and keeps what it did", () => {
    const s = strip("AAFF").madvise("xxxx", MADV.WIPEONFORK);
    expect(s.last).toBe("EINVAL");
    expect(`${s}`).toBe("WWFF");
  });

  test.each([
    ["unknown advice, even for nothing", 99, HERE, 0, "EINVAL"],
    ["MADV_HWPOISON, which is not built", MADV.HWPOISON, HERE, PAGE_SIZE, "EINVAL"],
    ["an unaligned address", 0, HERE + 1, PAGE_SIZE, "EINVAL"],
    ["a length of -1", 0, HERE, 2n ** 64n - 1n, "EINVAL"],
    ["a range that reaches 2^64", 0, 2n ** 64n - 4096n, PAGE_SIZE, "EINVAL"],
    ["a length of 0", 0, HERE, 0, "0"],
    ["nothing mapped, even far outside", 0, 2n ** 63n, PAGE_SIZE, "ENOMEM"],
  ])("answers %s", (_, advice, addr, length, answer) => {
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE));
    expect(told(machine.ask({ call: "madvise", addr, length, advice }))).toBe(answer);
  });

  test.each([
    ["locked memory", "LL", MADV.DONTNEED, "EINVAL"],
    ["locked memory, when told to", "LL", MADV.DONTNEED_LOCKED, "ok"],
    ["shared memory", "SS", MADV.FREE, "EINVAL"],
    ["anonymous memory", "AA", MADV.REMOVE, "EINVAL"],
    ["private /dev/zero", "ZZ", MADV.REMOVE, "EACCES"],
    ["a private file", "FF", MADV.REMOVE, "EACCES"],
    ["a shared file", "MM", MADV.REMOVE, "ok"],
    ["droppable memory", "DD", MADV.KEEPONFORK, "EINVAL"],
    ["droppable memory", "DD", MADV.DODUMP, "EINVAL"],
    ["read-only memory", "aa", MADV.POPULATE_WRITE, "EINVAL"],
    ["locked memory", "LL", MADV.GUARD_INSTALL, "EINVAL"],
    ["a little memory", "AA", MADV.COLLAPSE, "EINVAL"],
  ])("of %s (%s) with advice %i answers %s", (_, row, advice, answer) => {
    expect(strip(row).madvise("xx", advice).last).toBe(answer);
  });

  test("lets a seal forbid throwing away only what cannot be written", () => {
    expect(strip("aa").mseal("xx").madvise("xx", MADV.DONTNEED).last).toBe("EPERM");
    expect(strip("AA").mseal("xx").madvise("xx", MADV.DONTNEED).last).toBe("ok");
    expect(strip("ff").mseal("xx").madvise("xx", MADV.DONTNEED).last).toBe("ok");
  });

  test("MADV_GUARD_INSTALL marks the whole mapping, which merges as one that was written to", () => {
    const s = strip("AAAA..").madvise(".x....", MADV.GUARD_INSTALL);
    expect(`${s}`).toBe("AAAA..");
    expect(s.vma(3).flags & VM.MAYBE_GUARD).toBe(VM.MAYBE_GUARD);
    expect(s.vma(3).anonVma).not.toBe(0);
    expect(`${s.mmap("....AA")}`).toBe("AAAAAA");
    expect(s.vma(5).flags & VM.MAYBE_GUARD).toBe(VM.MAYBE_GUARD);
    expect(s.madvise("xxxxxx", MADV.GUARD_REMOVE).vma(0).flags & VM.MAYBE_GUARD).toBe(VM.MAYBE_GUARD);
  });
});
