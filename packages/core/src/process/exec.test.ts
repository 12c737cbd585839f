import { FIRST, MACHINE, Machine, told } from "@pagetrail/testing";
import { bigBss, execOf, fixed, loader, pie, staticPie, withStack } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { PERSONALITY, UNLIMITED } from "../arch/index.ts";
import { type Pid, pid } from "../base/index.ts";
import { maps } from "../procfs/index.ts";
import { CLONE } from "./clone-flags.ts";
import type { ElfImage } from "./elf-image.ts";
import type { ExecRequest } from "./exec.ts";

const exec = (m: Machine, image: ElfImage, more: Partial<ExecRequest> = {}, tid: Pid = FIRST): string =>
  told(m.ask({ call: "execve", path: "/p", load: execOf(image, more) }, tid));

/** Lines of maps as `start-end perms offset name`. */
function layout(m: Machine, tid: Pid = FIRST): readonly string[] {
  return maps(m.state, m.mm(tid))
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ (\S+) \S+ \S+ *(\S*)$/, " $1 $2").trimEnd());
}

function run(image: ElfImage, more: Partial<ExecRequest> = {}, machine = new Machine()): readonly string[] {
  expect(exec(machine, image, more)).toBe("0");
  return layout(machine);
}

const VSYSCALL = "ffffffffff600000-ffffffffff601000 --xp 00000000 [vsyscall]";
const STACK = "7ffffffde000-7ffffffff000 rw-p 00000000 [stack]";

describe("the layout of a program without randomisation", () => {
  test("a dynamic one lies at the PIE base, its loader at the top of the mapping area", () => {
    expect(run(pie())).toEqual([
      "555555554000-555555555000 r--p 00000000 /maps_pie",
      "555555555000-555555556000 r-xp 00001000 /maps_pie",
      "555555556000-555555557000 r--p 00002000 /maps_pie",
      "555555557000-555555559000 rw-p 00002000 /maps_pie",
      "7ffff7fc2000-7ffff7fc6000 r--p 00000000 [vvar]",
      "7ffff7fc6000-7ffff7fc8000 r--p 00000000 [vvar_vclock]",
      "7ffff7fc8000-7ffff7fca000 r-xp 00000000 [vdso]",
      "7ffff7fca000-7ffff7fcb000 r--p 00000000 /lib64/ld-linux-x86-64.so.2",
      "7ffff7fcb000-7ffff7ff1000 r-xp 00001000 /lib64/ld-linux-x86-64.so.2",
      "7ffff7ff1000-7ffff7ffb000 r--p 00027000 /lib64/ld-linux-x86-64.so.2",
      "7ffff7ffb000-7ffff7fff000 rw-p 00031000 /lib64/ld-linux-x86-64.so.2",
      STACK,
      VSYSCALL,
    ]);
  });

  test("its heap begins behind its bss", () => {
    const m = new Machine();
    exec(m, pie());
    m.ask({ call: "brk", addr: 0x55555557a000 });
    expect(layout(m)).toContain("555555559000-55555557a000 rw-p 00000000 [heap]");
  });

  test("a static one has the vdso at the top, and a bss that its heap does not join", () => {
    const m = new Machine();
    exec(m, fixed);
    m.ask({ call: "brk", addr: 0x4ce000 });
    expect(layout(m)).toEqual([
      "00400000-00401000 r--p 00000000 /maps_pie",
      "00401000-00480000 r-xp 00001000 /maps_pie",
      "00480000-004a0000 r--p 00080000 /maps_pie",
      "004a1000-004a8000 rw-p 000a0000 /maps_pie",
      "004a8000-004ad000 rw-p 00000000",
      "004ad000-004ce000 rw-p 00000000 [heap]",
      "7ffff7ff7000-7ffff7ffb000 r--p 00000000 [vvar]",
      "7ffff7ffb000-7ffff7ffd000 r--p 00000000 [vvar_vclock]",
      "7ffff7ffd000-7ffff7fff000 r-xp 00000000 [vdso]",
      STACK,
      VSYSCALL,
    ]);
  });

  test("a loader run by itself lies at the top, and its heap at the PIE base", () => {
    const m = new Machine();
    const lines = run(loader, {}, m);
    expect(lines[0]).toBe("7ffff7fc2000-7ffff7fc6000 r--p 00000000 [vvar]");
    expect(lines[3]).toBe("7ffff7fca000-7ffff7fcb000 r--p 00000000 /maps_pie");
    expect(m.mm().startBrk).toBe(0x555555555000);
  });

  test("an aligned one is put at a multiple of its alignment", () => {
    expect(run(pie(0x200000))[0]).toBe("555555400000-555555401000 r--p 00000000 /maps_pie");
    expect(run(staticPie(0x10000))[0]).toBe("7ffff7fb0000-7ffff7fb1000 r--p 00000000 /maps_pie");
    expect(run(staticPie(0x10000))[3]).toBe("7ffff7fef000-7ffff7ff0000 rw-p 0002f000 /maps_pie");
    expect(run(staticPie(0x200000))[0]).toBe("7ffff7600000-7ffff7601000 r--p 00000000 /maps_pie");
  });

  test("a large bss is anonymous memory behind the file's pages", () => {
    const lines = run(bigBss(0x10000000));
    expect(lines.slice(0, 2)).toEqual([
      "00400000-00401000 rw-p 00000000 /maps_pie",
      "00401000-10400000 rw-p 00000000",
    ]);
  });

  test("GNU_STACK decides whether the stack is executable; without it it is not", () => {
    const stackOf = (flags?: string): string | undefined => run(withStack(flags)).at(-2);
    expect(stackOf("rwx")).toBe("7ffffffde000-7ffffffff000 rwxp 00000000 [stack]");
    expect(stackOf("rw-")).toBe(STACK);
    expect(stackOf()).toBe(STACK);
  });

  test("MMAP_PAGE_ZERO maps a sealed page at 0", () => {
    const m = new Machine();
    m.ask({ call: "personality", persona: PERSONALITY.MMAP_PAGE_ZERO });
    expect(run(fixed, {}, m)[0]).toBe("00000000-00001000 r-xp 00000000");
    expect(told(m.ask({ call: "munmap", addr: 0, length: 4096 }))).toBe("EPERM");
  });

  test("ADDR_COMPAT_LAYOUT fills the mapping area upward from a third", () => {
    const m = new Machine();
    m.ask({ call: "personality", persona: PERSONALITY.ADDR_COMPAT_LAYOUT });
    expect(run(fixed, {}, m)).toContain("2aaaaaaab000-2aaaaaaaf000 r--p 00000000 [vvar]");
  });
});

describe("the stack of a new program", () => {
  test("has its strings, its counts and its pointers to the byte", () => {
    const m = new Machine();
    exec(m, pie());
    const { argStart, argEnd, envStart, envEnd, startStack } = m.mm();
    expect([argStart, argEnd, envStart, envEnd, startStack]).toEqual([
      0x7fffffffefe2, 0x7fffffffefed, 0x7fffffffefed, 0x7fffffffefed, 0x7fffffffee30,
    ]);
  });

  test("grows with the environment, and no further than RLIMIT_STACK", () => {
    const sizes = { argc: 1, argBytes: 11, envc: 1, envBytes: 100_000, nameBytes: 11 };
    expect(run(fixed, { sizes }).at(-2)).toBe("7ffffffc6000-7ffffffff000 rw-p 00000000 [stack]");
    const limits = { ...MACHINE.limits, stack: { soft: 65536, hard: UNLIMITED } };
    expect(run(fixed, {}, new Machine({ ...MACHINE, limits })).at(-2)).toBe(
      "7ffffffef000-7ffffffff000 rw-p 00000000 [stack]",
    );
  });

  test("refuses arguments beyond a quarter of RLIMIT_STACK", () => {
    const sizes = { argc: 1, argBytes: 3 * 2 ** 20, envc: 0, envBytes: 0, nameBytes: 11 };
    const m = new Machine();
    expect(exec(m, fixed, { sizes })).toBe("E2BIG");
    expect(m.mm().vmas.size).toBe(0);
  });

  test("has its pointers lower by what was drawn at random, and the strings where they were", () => {
    const m = new Machine();
    exec(m, fixed);
    const { argStart, startStack } = m.mm();
    exec(m, fixed, { choices: { stackShift: 0x1230 } });
    expect(m.mm()).toMatchObject({ argStart, startStack: startStack - 0x1230 });
  });
});

describe("an exec that cannot be", () => {
  test("is refused for another machine before anything changes", () => {
    const m = new Machine();
    const before = m.mm();
    expect(exec(m, { ...fixed, machine: 183 })).toBe("ENOEXEC");
    expect(m.mm()).toEqual(before);
    expect(
      exec(m, pie(), { interpreter: { file: { path: "/ld" }, image: { ...loader, machine: 183 } } }),
    ).toBe("ELIBBAD");
  });

  test("kills the process once its old address space is gone", () => {
    const [first] = fixed.segments;
    const tooLong = first && { ...first, filesz: 0x3000, memsz: 0x1000 };
    expect(exec(new Machine(), { ...fixed, segments: tooLong ? [tooLong] : [] })).toBe("SIGSEGV");
  });
});

describe("exec and its tasks", () => {
  test("in a thread group leaves one task, with the leader's pid and an address space of its own", () => {
    const m = new Machine();
    const thread = pid(7);
    m.ask({ call: "clone", flags: CLONE.VM | CLONE.SIGHAND | CLONE.THREAD, child: thread });
    const old = m.mm().id;
    exec(m, fixed, {}, thread);
    expect([...m.state.tasks.keys()]).toEqual([FIRST]);
    expect(m.mm().id).not.toBe(old);
    expect([m.mm().mmUsers, m.mm().mmCount, m.state.mms.size]).toEqual([1, 1, 1]);
    expect(m.state.groups.get(FIRST)?.live).toBe(1);
  });

  test("by a vfork child gives the parent its address space and its turn back", () => {
    const m = new Machine();
    const child = pid(2);
    m.ask({ call: "clone", flags: CLONE.VM | CLONE.VFORK, child });
    expect([m.mm().mmUsers, m.state.tasks.get(FIRST)?.state]).toEqual([2, "vforked"]);
    exec(m, fixed, {}, child);
    expect([m.mm().mmUsers, m.state.tasks.get(FIRST)?.state]).toEqual([1, "running"]);
    expect(m.mm(child).mmUsers).toBe(1);
  });

  test("leaves locks behind, and keeps PR_SET_MDWE", () => {
    const m = new Machine();
    m.ask({ call: "mlockall", flags: 2 });
    m.ask({ call: "prctl", option: 65, arg: 1 });
    exec(m, fixed);
    expect([m.mm().defFlags, m.mm().lockedVm, m.mm().mdwe]).toEqual([0, 0, 1]);
  });
});
