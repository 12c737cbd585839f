import { MACHINE, Machine, told } from "@pagetrail/testing";
import { execOf, fixed, loader, pie } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { UNLIMITED } from "../arch/index.ts";
import type { Rlimits } from "../mm/index.ts";
import { maps } from "../procfs/index.ts";
import type { ElfImage, ElfSegment } from "./elf-image.ts";
import type { ExecRequest } from "./exec.ts";

const load = (flags: string, offset: number, vaddr: number, filesz: number, memsz = filesz): ElfSegment => ({
  type: "LOAD",
  flags,
  offset,
  vaddr,
  filesz,
  memsz,
  align: 0x1000,
});

const program = (segments: readonly ElfSegment[], more: Partial<ElfImage> = {}): ElfImage => ({
  ...fixed,
  entry: 0x400000,
  segments,
  ...more,
});

const TEXT = load("r-x", 0, 0x400000, 0x1000);

function exec(image: ElfImage, more: Partial<ExecRequest> = {}, m = new Machine()): string {
  return told(m.ask({ call: "execve", path: "/p", load: execOf(image, more) }));
}

/** The lines of maps up to vvar, as `start-end perms name`. */
function layout(image: ElfImage, more: Partial<ExecRequest> = {}): readonly string[] {
  const m = new Machine();
  expect(exec(image, more, m)).toBe("0");
  return maps(m.state, m.mm())
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ (\S+) \S+ \S+ \S+ *(\S*)$/, " $1 $2").trimEnd());
}

const withLoader = (image: ElfImage): Partial<ExecRequest> => ({
  interpreter: { file: { path: "/ld" }, image },
});

const limited = (limits: Partial<Rlimits>): Machine =>
  new Machine({ ...MACHINE, limits: { ...MACHINE.limits, ...limits } });

describe("a program whose headers cannot be mapped dies past the point of no return:", () => {
  test.each<[string, ElfImage]>([
    ["more of the file than of memory", program([load("rw-", 0, 0x400000, 0x3000, 0x1000)])],
    ["an address beyond user space", program([load("r-x", 0, 2 ** 47, 0x1000)])],
    ["an end beyond user space", program([load("r-x", 0, 2 ** 47 - 0x2000, 0x1000, 0x2000)])],
    ["an address above 2^53", program([load("r-x", 0, 2 ** 63, 0x1000)])],
    ["an offset that does not fit the address", program([load("r-x", 0x123, 0x400000, 0x1000)])],
    ["an offset beyond the largest of a file", program([{ ...TEXT, offset: "0x8000000000000000" }])],
    ["an entry point beyond user space", program([TEXT], { entry: "0xffffffff80000000" })],
    ["a first segment in the place of the stack", program([load("r-x", 0, 2 ** 47 - 0x3000, 0x1000)])],
    [
      "a later segment that cannot be written, in the place of the stack",
      program([TEXT, load("r-x", 0, 2 ** 47 - 0x2000, 0x1000)]),
    ],
    ["segments that hold no byte", program([load("r-x", 0, 0, 0)], { type: "DYN", entry: 0 })],
  ])("%s", (_, image) => {
    expect(exec(image)).toBe("SIGSEGV");
  });

  test.each<[string, ElfImage]>([
    ["no program at all", { ...loader, type: 1 }],
    ["nothing to load", { ...loader, segments: [] }],
    ["more of the file than of memory", { ...loader, segments: [load("r-x", 0, 0, 0x2000, 0x1000)] }],
    ["an entry point beyond user space", { ...loader, entry: 2 ** 47 }],
  ])("an interpreter that is %s", (_, image) => {
    expect(exec(pie(), withLoader(image))).toBe("SIGSEGV");
  });

  test("a page to be cleared behind the end of the file, unless it cannot be written anyway", () => {
    const file = (size: number) => ({ program: { file: { path: "/p", size }, image: bss("rw-") } });
    const bss = (flags: string) => program([TEXT, load(flags, 0x1000, 0x402000, 0x123, 0x800)]);
    expect(exec(fixed, file(0x1001))).toBe("0");
    expect(exec(fixed, file(0x1000))).toBe("SIGSEGV");
    const constant = { program: { file: { path: "/p", size: 0x1000 }, image: bss("r--") } };
    expect(exec(fixed, constant)).toBe("0");
  });

  test("limits that are too small", () => {
    const as = (soft: number) => limited({ as: { soft, hard: UNLIMITED } });
    expect(exec(fixed, {}, as(1))).toBe("SIGSEGV");
    expect(exec(fixed, {}, as(2 ** 30))).toBe("0");
    // What stands below the strings asks for a second page.
    const sizes = { argc: 1, argBytes: 3800, envc: 0, envBytes: 0, nameBytes: 11 };
    const stack = (soft: number) => limited({ stack: { soft, hard: UNLIMITED } });
    expect(exec(fixed, { sizes }, stack(4096))).toBe("SIGSEGV");
    expect(exec(fixed, { sizes }, stack(8192))).toBe("0");
  });
});

describe("a program begins", () => {
  test("without anything to load: it has a stack and a vdso", () => {
    const lines = layout(program([], { entry: 0x1234 }));
    expect(lines).toHaveLength(5);
    const m = new Machine();
    exec(program([]), {}, m);
    expect([m.mm().startCode, m.mm().endCode, m.mm().startBrk]).toEqual([-1, 0, 0]);
  });

  test("with the stack that its last PT_GNU_STACK asks for", () => {
    const stack = (flags: string): ElfSegment => ({ ...load(flags, 0, 0, 0), type: "GNU_STACK" });
    expect(layout(program([stack("rw-"), TEXT, stack("rwx")])).at(-2)).toContain("rwxp");
    expect(layout(program([stack("rwx"), TEXT, stack("rw-")])).at(-2)).toContain("rw-p");
  });

  test("at the PIE base less its first address, whatever page that is in", () => {
    const at = (vaddr: number, align: number): string => {
      const segment = { ...load("r-x", vaddr % 0x1000, vaddr, 0x100), align };
      return layout(program([segment], { type: "DYN", entry: 0, interp: "/ld" }))[0] ?? "";
    };
    expect(at(0x10000, 0x1000)).toMatch(/^555555554000-/);
    expect(at(0x800, 0x1000)).toMatch(/^555555553000-/);
    // Without a power of two nothing is aligned, not even to a page.
    expect(at(0x800, 3)).toMatch(/^555555554000-/);
  });

  test("with one mapping for the bss of two segments that touch", () => {
    const image = program([TEXT, load("rw-", 0, 0x402000, 0, 0x1000), load("rw-", 0, 0x403000, 0, 0x2000)]);
    expect(layout(image)[1]).toBe("00402000-00405000 rw-p");
  });

  test("at page 0 if it stands alone and begins with a bss", () => {
    const image = program([load("rw-", 0, 0, 0, 0x3000), load("r-x", 0, 0x4000, 0x1000)], {
      type: "DYN",
      entry: 0x4000,
    });
    const unprivileged = { ...MACHINE, capabilities: { ...MACHINE.capabilities, sysRawio: false } };
    expect(exec(image, {}, new Machine(unprivileged))).toBe("SIGSEGV");
    expect(layout(image).slice(0, 2)).toEqual(["00000000-00003000 rw-p", "00004000-00005000 r-xp /maps_pie"]);
  });

  test("at the top of the mapping area if it stands alone, in whatever part of a page its first segment is", () => {
    // Less its own address the place lies below 0: a hint beyond user space, which counts for nothing.
    const image = program([load("r-x", 0x2c0, 0x2c0, 0x20)], { type: "DYN", entry: 0 });
    expect(layout(image).find((line) => line.endsWith("/maps_pie"))).toBe(
      "7ffff7ffe000-7ffff7fff000 r-xp /maps_pie",
    );
  });

  test("with its interpreter where that is linked, or as a hint says if the program is fixed", () => {
    const [first] = loader.segments;
    const segments = first ? [{ ...first, vaddr: 0x40000000 }] : [];
    const at = (type: "EXEC" | "DYN", main: ElfImage): string | undefined =>
      layout(main, withLoader({ ...loader, entry: 0x40000000, type, segments })).find((l) =>
        l.endsWith("/ld"),
      );
    expect(at("EXEC", fixed)).toBe("40000000-40001000 r--p /ld");
    expect(at("EXEC", pie())).toBe("40000000-40001000 r--p /ld");
    expect(at("DYN", fixed)).toBe("40000000-40001000 r--p /ld");
    expect(at("DYN", pie())).toBe("7ffff7ffe000-7ffff7fff000 r--p /ld");
  });
});

describe("an exec that is refused", () => {
  const large = { argc: 1, argBytes: 3 * 2 ** 20, envc: 0, envBytes: 0, nameBytes: 11 };

  test("has its arguments looked at before its files, but for opening the first", () => {
    expect(exec({ ...fixed, machine: 183 }, { sizes: large })).toBe("E2BIG");
    const refused = (at: "open" | "format", sizes = large): string => {
      const files = { errno: "ELIBBAD", why: "a test", at, sizes } as const;
      return told(new Machine().ask({ call: "execve", path: "/p", refused: files }));
    };
    expect(refused("open")).toBe("ELIBBAD");
    expect(refused("format")).toBe("E2BIG");
    expect(refused("format", { ...large, argBytes: 3 })).toBe("ELIBBAD");
  });

  test("for its type", () => {
    expect(exec({ ...fixed, type: 1 })).toBe("ENOEXEC");
  });
});
