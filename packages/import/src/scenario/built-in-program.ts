import type { ElfImage, ElfSegment, ExecRequest, Profile } from "@pagetrail/core";

const segment = (
  flags: string,
  vaddr: number,
  filesz: number,
  memsz = filesz,
): Omit<ElfSegment, "offset"> => ({ type: "LOAD", flags, vaddr, filesz, memsz, align: 0x1000 });

/**
 * The program that every `exec` of a scenario runs: static, at a fixed place, with a page each of code and of
 * data, and three pages of memory that the file does not fill.
 */
function imageOf(layout: Profile["layout"]): ElfImage {
  const base = layout === "i386" ? 0x8048000 : 0x400000;
  const load: readonly ElfSegment[] = [
    { ...segment("r-x", base, 0x1000), offset: 0 },
    { ...segment("rw-", base + 0x1000, 0x1000, 0x4000), offset: 0x1000 },
  ];
  return {
    class: layout === "i386" ? 32 : 64,
    type: "EXEC",
    machine: layout === "i386" ? "i386" : "x86-64",
    entry: base,
    segments: [...load, { ...segment("rw-", 0, 0), offset: 0, type: "GNU_STACK" }],
  };
}

/** An exec of it under a path: no other arguments, no environment, nothing at random. */
export function execOf(path: string, layout: Profile["layout"]): ExecRequest {
  const bytes = path.length + 1;
  return {
    program: { file: { path, size: 0x2000 }, image: imageOf(layout) },
    comm: path.replace(/^.*\//, "").slice(0, 15),
    sizes: { argc: 1, argBytes: bytes, envc: 0, envBytes: 0, nameBytes: bytes },
    randomized: false,
    choices: {},
  };
}
