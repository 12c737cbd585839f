import { anonymous, flagged, Machine, machineOf, onEach, onEachMachine, told } from "@pagetrail/testing";
import { execOf, fixed, loader, pie, staticPie } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import type { Profile, Request } from "../kernel/index.ts";
import { MAP } from "../mm/index.ts";
import { maps } from "../procfs/index.ts";
import type { ElfImage } from "./elf-image.ts";
import type { ExecRequest } from "./exec.ts";

const MIB = 2 ** 20;

const exec = (image: ElfImage, more: Partial<ExecRequest> = {}): Request => ({
  call: "execve",
  path: "/p",
  load: execOf(image, more),
});

/** Lines of maps as `start-end perms name`. */
const linesOf = (m: Machine): readonly string[] =>
  maps(m.state, m.mm())
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ (\S+) \S+ \S+ \S+ *(\S*)$/, " $1 $2").trimEnd());

function run(profile: Profile, image: ElfImage, more: Partial<ExecRequest> = {}): Machine {
  const m = new Machine(profile);
  expect(told(m.ask(exec(image, more)))).toBe("0");
  return m;
}

const STACK = "7ffffffde000-7ffffffff000 rw-p [stack]";
const VSYSCALL = "ffffffffff600000-ffffffffff601000 --xp [vsyscall]";

describe("the layout of a program without randomisation", () => {
  const static_ = [
    "00400000-00401000 r--p /maps_pie",
    "00401000-00480000 r-xp /maps_pie",
    "00480000-004a0000 r--p /maps_pie",
    "004a1000-004a8000 rw-p /maps_pie",
  ];
  const withHeap = (profile: Profile): readonly string[] => {
    const m = run(profile, fixed);
    m.ask({ call: "brk", addr: 0x4ce000 });
    return linesOf(m);
  };

  test("5.4: the heap has joined the bss, and the vdso block has 3 pages of vvar", () => {
    expect(withHeap(machineOf("5.4"))).toEqual([
      ...static_,
      "004a8000-004ce000 rw-p [heap]",
      "7ffff7ffb000-7ffff7ffe000 r--p [vvar]",
      "7ffff7ffe000-7ffff7fff000 r-xp [vdso]",
      STACK,
      VSYSCALL,
    ]);
  });

  test("6.1: the heap stands alone, but the bss that touches it has its name", () => {
    expect(withHeap(machineOf("6.1"))).toEqual([
      ...static_,
      "004a8000-004ad000 rw-p [heap]",
      "004ad000-004ce000 rw-p [heap]",
      "7ffff7ff9000-7ffff7ffd000 r--p [vvar]",
      "7ffff7ffd000-7ffff7fff000 r-xp [vdso]",
      STACK,
      VSYSCALL,
    ]);
  });

  test("6.18: the bss has no name, and vvar_vclock is a mapping of its own", () => {
    expect(withHeap(machineOf("6.18"))).toEqual([
      ...static_,
      "004a8000-004ad000 rw-p",
      "004ad000-004ce000 rw-p [heap]",
      "7ffff7ff7000-7ffff7ffb000 r--p [vvar]",
      "7ffff7ffb000-7ffff7ffd000 r--p [vvar_vclock]",
      "7ffff7ffd000-7ffff7fff000 r-xp [vdso]",
      STACK,
      VSYSCALL,
    ]);
  });

  test("a dynamic one has its vdso block below its loader on each of them", () => {
    const block = onEach((p) => linesOf(run(p, pie())).filter((line) => /\[v(dso|var)/.test(line)));
    expect(block).toEqual({
      "5.4": ["7ffff7fc6000-7ffff7fc9000 r--p [vvar]", "7ffff7fc9000-7ffff7fca000 r-xp [vdso]"],
      "6.1": ["7ffff7fc4000-7ffff7fc8000 r--p [vvar]", "7ffff7fc8000-7ffff7fca000 r-xp [vdso]"],
      "6.18": [
        "7ffff7fc2000-7ffff7fc6000 r--p [vvar]",
        "7ffff7fc6000-7ffff7fc8000 r--p [vvar_vclock]",
        "7ffff7fc8000-7ffff7fca000 r-xp [vdso]",
      ],
    });
  });

  test("an alignment that a program asks for counts for nothing in 5.4", () => {
    const first = (image: ElfImage) => onEach((p) => linesOf(run(p, image))[0]?.slice(0, 12));
    expect(first(pie(0x200000))).toEqual({
      "5.4": "555555554000",
      "6.1": "555555400000",
      "6.18": "555555400000",
    });
    expect(first(staticPie(0x10000))).toEqual({
      "5.4": "7ffff7fbf000",
      "6.1": "7ffff7fb0000",
      "6.18": "7ffff7fb0000",
    });
  });

  test("the heap of a loader run by itself lies behind it in 5.4, unless there is randomisation", () => {
    expect(onEach((p) => run(p, loader).mm().startBrk)).toEqual({
      "5.4": 0x7ffff7fff000,
      "6.1": 0x555555555000,
      "6.18": 0x555555555000,
    });
    const random = onEach((p) => run(p, loader, { randomized: true }).mm().startBrk);
    expect(new Set(Object.values(random))).toEqual(new Set([0x555555555000]));
  });

  test("the auxiliary vector has grown, so that the stack pointer begins lower", () => {
    const depth = onEach((p) => run(p, fixed).mm().argStart - run(p, fixed).mm().startStack);
    expect(depth["6.1"] - depth["5.4"]).toBe(16);
    expect(depth["6.18"] - depth["6.1"]).toBe(32);
  });

  test("start_code is the first segment's in 5.4, later the first executable one's", () => {
    expect(onEach((p) => run(p, fixed).mm().startCode)).toEqual({
      "5.4": 0x400000,
      "6.1": 0x401000,
      "6.18": 0x401000,
    });
  });
});

describe("under randomisation", () => {
  const random = { randomized: true, choices: { stackTop: 0x7ffc12345000, vdso: 0x7ffc1234a000 } };

  test("the vdso block lies above the stack before it is placed by a search", () => {
    const block = onEach((p) => linesOf(run(p, pie(), random)).find((line) => line.endsWith("[vvar]")));
    expect(block).toEqual({
      "5.4": "7ffc1234a000-7ffc1234d000 r--p [vvar]",
      "6.1": "7ffc1234a000-7ffc1234e000 r--p [vvar]",
      "6.18": "7ffbff6c3000-7ffbff6c7000 r--p [vvar]",
    });
  });

  test("a place inside the stack itself is no place, and the search decides", () => {
    const inside = { randomized: true, choices: { stackTop: 0x7ffc12345000, vdso: 0x7ffc12344000 } };
    const lines = onEach((p) => linesOf(run(p, pie(), inside)).find((line) => line.endsWith("[vvar]")));
    expect(lines["5.4"]).toMatch(/^7ff[^c]/);
    expect(lines["6.1"]).toMatch(/^7ff[^c]/);
  });
});

describe("large mappings", () => {
  const file: Request = {
    call: "file",
    file: { id: 1 as never, path: "/f", kind: "disk", readable: true, writable: true, deleted: false },
  };
  const mapped = (...requests: readonly Request[]) =>
    onEachMachine((m) => requests.map((r) => told(m.ask(r))).at(-1));

  test("without a file are aligned to 2 MiB after 6.1, if so long and without a hint", () => {
    expect(mapped(anonymous(4 * MIB))).toEqual({
      "5.4": "7ffff7bff000",
      "6.1": "7ffff7bff000",
      "6.18": "7ffff7a00000",
    });
    const odd = mapped(anonymous(4 * MIB + 4096));
    expect(new Set(Object.values(odd))).toEqual(new Set(["7ffff7bfe000"]));
    const hinted = mapped(flagged(4 * MIB, 0, 0x20001000));
    expect(new Set(Object.values(hinted))).toEqual(new Set(["20001000"]));
  });

  test("of a disk file are aligned with it after 5.4, not only on DAX", () => {
    const map = anonymous(4 * MIB, { flags: MAP.PRIVATE, file: 1 });
    expect(mapped(file, map)).toEqual({
      "5.4": "7ffff7bff000",
      "6.1": "7ffff7a00000",
      "6.18": "7ffff7a00000",
    });
  });

  test("where the place found is aligned by itself, 6.18 goes up to the next", () => {
    const map = anonymous(4 * MIB, { flags: MAP.PRIVATE, file: 1 });
    expect(mapped(file, anonymous(2 * MIB - 4096), map)).toEqual({
      "5.4": "7ffff7a00000",
      "6.1": "7ffff7800000",
      "6.18": "7ffff7a00000",
    });
  });
});

describe("a heap that has been unmapped", () => {
  test("shrinks in 5.4, later stays where it is", () => {
    const brk = onEachMachine((m) => {
      m.ask(exec(fixed));
      m.ask({ call: "brk", addr: 0x4ce000 });
      m.ask({ call: "munmap", addr: 0x4ad000, length: 0x21000 });
      return told(m.ask({ call: "brk", addr: 0x4b0000 }));
    });
    expect(brk).toEqual({ "5.4": "4b0000", "6.1": "4ce000", "6.18": "4ce000" });
  });
});

describe("vvar and vdso", () => {
  test("can be cut in two in 5.4, and then partly replaced", () => {
    const half = onEachMachine((m) => {
      m.ask(exec(pie()));
      const at = 0x7ffff7fc8000;
      return [
        told(m.ask({ call: "munmap", addr: at, length: 0x1000 })),
        told(m.ask(flagged(0x1000, MAP.FIXED, at - 0x1000))),
      ].join(" ");
    });
    expect(half).toEqual({
      "5.4": "0 7ffff7fc7000",
      "6.1": "EINVAL ENOMEM",
      "6.18": "EINVAL EINVAL",
    });
  });

  test("move only as a whole", () => {
    const moved = onEachMachine((m) => {
      m.ask(exec(pie()));
      const whole = { call: "mremap", oldLength: 0x1000, newLength: 0x1000, flags: 3 } as const;
      return told(m.ask({ ...whole, addr: 0x7ffff7fc7000, newAddr: 0x20000000 }));
    });
    expect(moved).toEqual({ "5.4": "EINVAL", "6.1": "EINVAL", "6.18": "EINVAL" });
  });
});

describe("page 0 of MMAP_PAGE_ZERO", () => {
  test("is sealed where there is mseal", () => {
    const first = onEachMachine((m) => {
      m.ask({ call: "personality", persona: 0x100000 });
      m.ask(exec(fixed));
      return told(m.ask({ call: "munmap", addr: 0, length: 0x1000 }));
    });
    expect(first).toEqual({ "5.4": "0", "6.1": "0", "6.18": "EPERM" });
  });
});
