/**
 * ELF images for tests of exec: programs and a loader, as headers alone.
 *
 * @module @pagetrail/testing/images
 */

import type { ElfImage, ElfSegment, ExecRequest } from "@pagetrail/core";

const load = (
  flags: string,
  offset: number,
  vaddr: number,
  filesz: number,
  more: Partial<ElfSegment> = {},
): ElfSegment => ({
  type: "LOAD",
  flags,
  offset,
  vaddr,
  filesz,
  memsz: filesz,
  align: 0x1000,
  ...more,
});

const stack = (flags: string): ElfSegment => ({ ...load(flags, 0, 0, 0), type: "GNU_STACK" });

const image = (type: "EXEC" | "DYN", segments: readonly ElfSegment[], interp?: string): ElfImage => ({
  class: 64,
  type,
  machine: "x86-64",
  entry: 0x1000,
  segments,
  ...(interp === undefined ? {} : { interp }),
});

const LD_SO = "/lib64/ld-linux-x86-64.so.2";

/** A position-independent program as gcc links it: its memory ends at 0x4068. */
export const pie = (align = 0x1000): ElfImage =>
  image(
    "DYN",
    [
      load("r--", 0, 0, 0x628, { align }),
      load("r-x", 0x1000, 0x1000, 0x171, { align }),
      load("r--", 0x2000, 0x2000, 0xcc, { align }),
      load("rw-", 0x2db8, 0x3db8, 0x258, { memsz: 0x2b0, align }),
      stack("rw-"),
    ],
    LD_SO,
  );

/** A loader whose pages span 0x35000, the last of them bss. */
export const loader: ElfImage = image("DYN", [
  load("r--", 0, 0, 0xfe8),
  load("r-x", 0x1000, 0x1000, 0x25f5d),
  load("r--", 0x27000, 0x27000, 0x9d9c),
  load("rw-", 0x31660, 0x31660, 0x2a28, { memsz: 0x39a0 }),
  stack("rw-"),
]);

/** A static program at a fixed place: 5 pages of bss end at 0x4ad000. */
export const fixed: ElfImage = image("EXEC", [
  load("r--", 0, 0x400000, 0x4f8),
  load("r-x", 0x1000, 0x401000, 0x7f000),
  load("r--", 0x80000, 0x480000, 0x20000),
  load("rw-", 0xa07b0, 0x4a17b0, 0x5af0, { memsz: 0xb848 }),
  stack("rw-"),
]);

/** A program with a given GNU_STACK, or none. */
export const withStack = (flags?: string): ElfImage =>
  image("EXEC", [load("r-x", 0, 0x400000, 0x1000), ...(flags ? [stack(flags)] : [])]);

/** A static program of one segment that is all bss but for a page. */
export const bigBss = (memsz: number): ElfImage =>
  image("EXEC", [load("rw-", 0, 0x400000, 0x1000, { memsz })]);

/** A position-independent program of its own, without an interpreter. */
export const staticPie = (align: number): ElfImage =>
  image("DYN", [
    load("r--", 0, 0, 0x201, { align }),
    load("r-x", align, align, 0xb89, { align }),
    load("r--", 2 * align, 2 * align, 0xd8, { align }),
    load("rw-", 3 * align - 0xd0, 4 * align - 0xd0, 0xd0, { align }),
  ]);

/** The exec of such an image without randomisation: `./maps_pie`, no environment. */
export const execOf = (image: ElfImage, more: Partial<ExecRequest> = {}): ExecRequest => ({
  program: { file: { path: "/maps_pie" }, image },
  ...(image.interp === undefined ? {} : { interpreter: { file: { path: image.interp }, image: loader } }),
  comm: "maps_pie",
  sizes: { argc: 1, argBytes: 11, envc: 0, envBytes: 0, nameBytes: 11 },
  randomized: false,
  choices: {},
  ...more,
});
