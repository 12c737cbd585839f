import { FIRST, flagged, MACHINE, Machine, told } from "@pagetrail/testing";
import { execOf, fixed, pie } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { PERSONALITY } from "../arch/index.ts";
import { maps } from "../procfs/index.ts";
import type { ElfImage } from "./elf-image.ts";

const as32 = (image: ElfImage): ElfImage => ({ ...image, class: 32, machine: "i386" });

const withoutStack = (image: ElfImage): ElfImage => ({
  ...image,
  segments: image.segments.filter((s) => s.type !== "GNU_STACK"),
});

/** The loader's headers, as Debian's 32-bit one has them. */
const loader: ElfImage = {
  ...as32({ ...fixed, type: "DYN" }),
  segments: [
    { type: "LOAD", flags: "r--", offset: 0, vaddr: 0, filesz: 0xf44, memsz: 0xf44, align: 0x1000 },
    {
      type: "LOAD",
      flags: "r-x",
      offset: 0x1000,
      vaddr: 0x1000,
      filesz: 0x22b91,
      memsz: 0x22b91,
      align: 0x1000,
    },
    {
      type: "LOAD",
      flags: "r--",
      offset: 0x24000,
      vaddr: 0x24000,
      filesz: 0xd5f4,
      memsz: 0xd5f4,
      align: 0x1000,
    },
    {
      type: "LOAD",
      flags: "rw-",
      offset: 0x31c80,
      vaddr: 0x32c80,
      filesz: 0x1d80,
      memsz: 0x2380,
      align: 0x1000,
    },
  ],
};

function run(image: ElfImage, machine = new Machine()): readonly string[] {
  const dynamic = image.interp === undefined ? {} : { interpreter: { file: { path: "/ld" }, image: loader } };
  const load = { ...execOf({ ...image }), ...dynamic };
  expect(told(machine.ask({ call: "execve", path: "/p", load }))).toBe("0");
  return linesOf(machine);
}

const linesOf = (machine: Machine): readonly string[] =>
  maps(machine.state, machine.mm())
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ (\S+) \S+ \S+ *(\S*)$/, " $1 $2").trimEnd());

const withPersonality = (persona: number): Machine => {
  const machine = new Machine();
  machine.ask({ call: "personality", persona });
  return machine;
};

describe("a 32-bit program on a 64-bit kernel", () => {
  test("has nearly 4 GiB, and no vsyscall page", () => {
    expect(run(as32(pie()))).toEqual([
      "56555000-56556000 r--p 00000000 /maps_pie",
      "56556000-56557000 r-xp 00001000 /maps_pie",
      "56557000-56558000 r--p 00002000 /maps_pie",
      "56558000-5655a000 rw-p 00002000 /maps_pie",
      "f7fc1000-f7fc5000 r--p 00000000 [vvar]",
      "f7fc5000-f7fc7000 r--p 00000000 [vvar_vclock]",
      "f7fc7000-f7fc9000 r-xp 00000000 [vdso]",
      "f7fc9000-f7fca000 r--p 00000000 /ld",
      "f7fca000-f7fed000 r-xp 00001000 /ld",
      "f7fed000-f7ffb000 r--p 00024000 /ld",
      "f7ffb000-f7ffe000 rw-p 00031000 /ld",
      "fffdd000-ffffe000 rw-p 00000000 [stack]",
    ]);
  });

  test("has 3 GiB with the ADDR_LIMIT_3GB personality", () => {
    const lines = run(as32(pie()), withPersonality(PERSONALITY.ADDR_LIMIT_3GB));
    expect(lines[0]).toBe("41000000-41001000 r--p 00000000 /maps_pie");
    expect(lines.at(-2)).toBe("b7ffd000-b8000000 rw-p 00031000 /ld");
    expect(lines.at(-1)).toBe("bffdf000-c0000000 rw-p 00000000 [stack]");
  });

  test("gets its large mappings without the alignment of huge pages", () => {
    const machine = new Machine();
    run(as32(fixed), machine);
    expect(told(machine.ask(flagged(2 ** 22, 0)))).toBe("f7bf6000");
  });

  test("may map at its last page but not behind it, whatever MAP_32BIT says", () => {
    const machine = new Machine();
    run(as32(fixed), machine);
    expect(told(machine.ask(flagged(0x1000, 0x10, 0xffffe000)))).toBe("ENOMEM");
    expect(told(machine.ask(flagged(0x1000, 0x40)))).toBe("f7ff5000");
  });

  test("without PT_GNU_STACK gets READ_IMPLIES_EXEC, and an executable stack", () => {
    const machine = new Machine();
    const lines = run(withoutStack(as32(fixed)), machine);
    expect(lines.at(-1)).toContain("rwxp");
    expect(machine.state.tasks.get(FIRST)?.personality).toBe(PERSONALITY.READ_IMPLIES_EXEC);
  });

  test("keeps READ_IMPLIES_EXEC, which a 64-bit program loses", () => {
    const machine = withPersonality(PERSONALITY.READ_IMPLIES_EXEC);
    run(as32(fixed), machine);
    expect(machine.state.tasks.get(FIRST)?.personality).toBe(PERSONALITY.READ_IMPLIES_EXEC);
    run(fixed, machine);
    expect(machine.state.tasks.get(FIRST)?.personality).toBe(0);
  });

  test("and the 64-bit one that it becomes have each their own space", () => {
    const machine = new Machine();
    run(as32(fixed), machine);
    expect(run(fixed, machine).at(-1)).toContain("[vsyscall]");
  });
});

describe("a 32-bit kernel", () => {
  const machine = (): Machine => new Machine({ ...MACHINE, layout: "i386" });

  test("gives programs 3 GiB, PIEs near the bottom, and names at its own column", () => {
    const m = machine();
    const lines = run(as32(pie()), m);
    expect(lines[0]).toBe("00400000-00401000 r--p 00000000 /maps_pie");
    expect(lines.at(-1)).toBe("bffdf000-c0000000 rw-p 00000000 [stack]");
    expect(maps(m.state, m.mm()).split("\n")[0]?.indexOf("/maps_pie")).toBe(49);
  });

  test("loads no 64-bit program", () => {
    expect(told(machine().ask({ call: "execve", path: "/p", load: execOf(fixed) }))).toBe("ENOEXEC");
  });
});
