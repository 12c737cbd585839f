import { anonymous, flagged, Machine, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import { MADV, MAP, MREMAP } from "./mman.ts";
import { VM } from "./vm-flags.ts";

const { MAYMOVE, FIXED, DONTUNMAP } = MREMAP;
const HERE = 0x10000000;
const THERE = 0x20000000;

function mapped(pages: number, flags = 0): Machine {
  const machine = new Machine();
  machine.ask(flagged(pages * PAGE_SIZE, MAP.FIXED | flags, HERE));
  return machine;
}

const remap = (oldPages: number, newPages: number, flags: number, newAddr = 0, addr = HERE) =>
  ({
    call: "mremap",
    addr,
    oldLength: oldPages * PAGE_SIZE,
    newLength: newPages * PAGE_SIZE,
    flags,
    newAddr,
  }) as const;

describe("mremap checks its arguments in the kernel's order", () => {
  test.each([
    ["unknown flags", remap(1, 1, 8), "EINVAL"],
    ["an unaligned address", remap(1, 1, 0, 0, HERE + 1), "EINVAL"],
    ["a new length of 0", remap(1, 0, 0), "EINVAL"],
    ["a new length of -1, which rounds to 0", { ...remap(1, 1, 0), newLength: 2n ** 64n - 1n }, "EINVAL"],
    ["a new length beyond user space", { ...remap(1, 1, 0), newLength: 2 ** 47 }, "EINVAL"],
    ["an unaligned new address", remap(1, 1, MAYMOVE | FIXED, THERE + 1), "EINVAL"],
    ["MREMAP_FIXED without MAYMOVE", remap(1, 1, FIXED, THERE), "EINVAL"],
    ["DONTUNMAP that resizes", remap(1, 2, MAYMOVE | DONTUNMAP), "EINVAL"],
    ["ranges that overlap", remap(2, 2, MAYMOVE | FIXED, HERE + PAGE_SIZE), "EINVAL"],
    ["nothing mapped there", remap(1, 1, 0, 0, THERE), "EFAULT"],
    ["an old length of 0 for private memory", remap(0, 1, MAYMOVE), "EINVAL"],
    ["growth of a range that crosses mappings", remap(8, 9, MAYMOVE), "EFAULT"],
    ["growth in place into something else", remap(2, 3, 0), "ENOMEM"],
    ["the same size, even beyond the mapping", remap(99, 99, 0), HERE.toString(16)],
  ])("%s", (_, request, answer) => {
    expect(told(mapped(4).ask(request))).toBe(answer);
  });
});

describe("mremap in place", () => {
  test("shrinks, over holes and other mappings too", () => {
    expect(`${strip("AA.aa.N").mremap("xxxxxx.", "x......", 0)}`).toBe("A.....N");
  });

  test("grows into what is free, and joins what comes then", () => {
    expect(`${strip("AA..").mremap("xx..", "xxxx", 0)}`).toBe("AAAA");
    expect(`${strip("AA..AA").mremap("xx....", "xxxx..", 0)}`).toBe("AAAAAA");
  });

  test("grows right up to a mapping that grows down, whose guard gap it ignores", () => {
    expect(`${strip("AA....GG").mremap("xx......", "xxxxxx..", 0)}`).toBe("AAAAAAGG");
  });

  test("from the middle of a mapping takes the part elsewhere", () => {
    const machine = mapped(6);
    const answer = told(machine.ask(remap(1, 3, MAYMOVE, 0, HERE + PAGE_SIZE)));
    const sizes = machine
      .mm()
      .vmas.toArray()
      .map((v) => v.pages);
    expect(sizes).toEqual([1, 4, 3]);
    expect(answer).toBe("7ffff7ffc000");
  });

  test("to a multiple of 2 MiB finds an aligned place", () => {
    expect(told(mapped(1).ask(remap(1, 512, MAYMOVE)))).toBe(HERE.toString(16));
    const blocked = mapped(1);
    blocked.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE + PAGE_SIZE));
    blocked.ask({ call: "mprotect", addr: HERE + PAGE_SIZE, length: PAGE_SIZE, prot: 1 });
    expect(told(blocked.ask(remap(1, 512, MAYMOVE)))).toBe("7ffff7c00000");
  });
});

describe("mremap to an address", () => {
  test("moves, over whatever stood there", () => {
    expect(`${strip("AA..aaaa").mremap("xx......", "....xx..", MAYMOVE | FIXED)}`).toBe("....AAaa");
  });

  test("shrinking onto a part of another mapping leaves the pieces around it", () => {
    expect(`${strip("AAAAAA.aaaa").mremap("xxxxxx.....", "........xx.", MAYMOVE | FIXED)}`).toBe(
      ".......aAAa",
    );
  });

  test("takes unwritten memory to where it merges, and leaves written memory by itself", () => {
    expect(`${strip("AA..AA").mremap("xx....", "..xx..", MAYMOVE | FIXED)}`).toBe("..AAAA");
    const written = strip("AA..AA")
      .write("^^....")
      .mremap("xx....", "..xx..", MAYMOVE | FIXED);
    expect(`${written}`).toBe("..AA|AA");
  });

  test("and back again makes written memory whole", () => {
    const s = strip("AAAA...")
      .write("^^^^...")
      .mremap("..xx...", ".....xx", MAYMOVE | FIXED);
    expect(`${s}`).toBe("AA...AA");
    expect(`${s.mremap(".....xx", "..xx...", MAYMOVE | FIXED)}`).toBe("AAAA...");
  });

  test("with old length 0 maps a shared object twice, and needs MAYMOVE", () => {
    const machine = new Machine();
    const shared = MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED;
    machine.ask(anonymous(2 * PAGE_SIZE, { addr: HERE, flags: shared }));
    expect(told(machine.ask(remap(0, 2, MAYMOVE | FIXED, THERE)))).toBe(THERE.toString(16));
    const [one, other] = machine.mm().vmas.toArray();
    expect([other?.file, other?.pgoff]).toEqual([one?.file, one?.pgoff]);
    expect(told(machine.ask(remap(0, 2, 0)))).toBe("ENOMEM");
  });

  test("lets a sealed mapping neither go nor be covered", () => {
    expect(
      strip("AA..")
        .mseal("xx..")
        .mremap("xx..", "..xx", MAYMOVE | FIXED).last,
    ).toBe("EPERM");
    expect(strip("AA..").mseal("xx..").mremap("xx..", "xx..", MAYMOVE).last).toBe("EPERM");
    expect(
      strip("AAaa")
        .mseal("..xx")
        .mremap("xx..", "..xx", MAYMOVE | FIXED).last,
    ).toBe("EPERM");
  });

  test("does not let the move's passing size into the peak", () => {
    const machine = mapped(4);
    machine.ask(remap(4, 4, MAYMOVE | FIXED, THERE));
    expect(machine.mm().hiwaterVm).toBeLessThanOrEqual(4);
  });
});

describe("MREMAP_DONTUNMAP", () => {
  test("leaves the source as if it had never been written to", () => {
    const s = strip("AA....")
      .write("^^....")
      .mremap("xx....", "....xx", MAYMOVE | FIXED | DONTUNMAP);
    expect(`${s}`).toBe("AA..AA");
    expect(s.vma(0).anonVma).toBe(0);
    expect(s.vma(4).anonVma).not.toBe(0);
  });

  test("works twice in a row, and charges each copy", () => {
    const machine = mapped(2);
    machine.ask(remap(2, 2, MAYMOVE | DONTUNMAP));
    machine.ask(remap(2, 2, MAYMOVE | DONTUNMAP));
    expect([machine.mm().dataVm, machine.state.committed]).toEqual([6, 6]);
  });

  test("unlocks the source and forgets to count that", () => {
    const machine = mapped(4, MAP.LOCKED);
    machine.ask(remap(4, 4, MAYMOVE | DONTUNMAP));
    expect(machine.mm().lockedVm).toBe(8);
    expect((machine.mm().vmas.first()?.flags ?? 0) & VM.LOCKED).toBe(0);
  });

  test("takes the new address as a hint", () => {
    expect(told(mapped(2).ask(remap(2, 2, MAYMOVE | DONTUNMAP, THERE)))).toBe(THERE.toString(16));
  });
});

describe("a move of several mappings", () => {
  test("keeps their distances, and what stood in the target where the source has a hole", () => {
    const s = strip("AA.aa...NNNNN").mremap("xxxxx........", "........xxxxx", MAYMOVE | FIXED);
    expect(`${s}`).toBe("........AANaa");
  });

  test("needs a mapping at its start", () => {
    expect(strip(".AA.....").mremap("xxx.....", "....xxx.", MAYMOVE | FIXED).last).toBe("EFAULT");
  });

  test("without MREMAP_FIXED is refused", () => {
    expect(strip("AAaa....").mremap("xxxx....", "xxxxx...", MAYMOVE).last).toBe("EFAULT");
  });

  test("that fails in the middle has moved what came before", () => {
    const s = strip("AAaa....")
      .mseal("..xx....")
      .mremap("xxxx....", "....xxxx", MAYMOVE | FIXED);
    expect(s.last).toBe("EPERM");
    expect(`${s}`).toBe("..eeAA..");
  });

  test("leaves /dev/zero alone, which has a search of its own", () => {
    expect(strip("ZZAA....").mremap("xxxx....", "....xxxx", MAYMOVE | FIXED).last).toBe("EFAULT");
    expect(`${strip("ZZ..").mremap("xx..", "..xx", MAYMOVE | FIXED)}`).toBe("..ZZ");
  });

  test("carries guard marks along", () => {
    const s = strip("AA..")
      .madvise("x...", MADV.GUARD_INSTALL)
      .mremap("xx..", "..xx", MAYMOVE | FIXED);
    expect(s.vma(2).flags & VM.MAYBE_GUARD).toBe(VM.MAYBE_GUARD);
  });
});

test("an old length that wraps overlaps nothing: there is no mapping, and that is what is refused", () => {
  const flags = MREMAP.MAYMOVE | MREMAP.FIXED;
  const ask = {
    call: "mremap",
    addr: 0x20013000,
    newLength: 0x1000,
    flags,
    newAddr: 0x7ffff7dd0000,
  } as const;
  expect(told(new Machine().ask({ ...ask, oldLength: 2n ** 64n - 4096n }))).toBe("EFAULT");
  expect(told(new Machine().ask({ ...ask, oldLength: 2 ** 47 }))).toBe("EINVAL");
});
