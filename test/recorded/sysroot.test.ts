import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { ElfImage } from "@pagetrail/core";
import { elfBytesNeeded, parseElf, parseShebang } from "@pagetrail/import";
import { describe, expect, test } from "vitest";
import { caseDirs, loadExecs, sysrootDir, type TruthElf } from "./truth.ts";

type Executed = { readonly elf: TruthElf; readonly interp: string | undefined };

const execs = caseDirs().flatMap(loadExecs);

/** Every ELF file that a recording executed, by path. */
const executed: ReadonlyMap<string, Executed> = new Map(
  execs.flatMap(({ exe, interp, interp_path }) => [
    ...(exe ? [[exe.path, { elf: exe, interp: interp_path }] as const] : []),
    ...(interp ? [[interp.path, { elf: interp, interp: undefined }] as const] : []),
  ]),
);

/** The headers that the kernel reported, as `parseElf` should tell them. */
function asImage({ elf, interp }: Executed): ElfImage {
  return {
    class: elf.class,
    type: elf.type,
    machine: elf.class === 64 ? "x86-64" : "i386",
    entry: Number(elf.entry),
    segments: elf.phdrs.map((header) => ({
      type: header.type as ElfImage["segments"][number]["type"],
      flags: header.flags,
      offset: Number(header.off),
      vaddr: Number(header.vaddr),
      filesz: Number(header.filesz),
      memsz: Number(header.memsz),
      align: Number(header.align),
    })),
    ...(interp === undefined ? {} : { interp }),
  };
}

const inSysroot = (path: string): string => join(sysrootDir, path);

describe("the sysroot", () => {
  test("holds every ELF file that the recordings executed", () => {
    expect(executed.size).toBeGreaterThan(60);
    expect([...executed.keys()].filter((path) => !lstatSync(inSysroot(path)).isFile())).toEqual([]);
  });

  test.each([...executed])("has the headers that the kernel reported of %s", (path, file) => {
    const bytes = readFileSync(inSysroot(path));
    expect(parseElf(bytes)).toEqual({ ok: true, value: asImage(file) });
    const needed = elfBytesNeeded(bytes.subarray(0, 64));
    expect(needed.ok && needed.value <= bytes.length).toBe(true);
  });

  test("resolves an interpreter's path to the file that the kernel mapped", () => {
    const pairs = new Map(execs.map((exec) => [exec.interp_path, exec.interp?.path]));
    pairs.delete(undefined);
    expect(pairs.size).toBe(2);
    for (const [path, file] of pairs) {
      expect(realpathSync(inSysroot(path ?? ""))).toBe(inSysroot(file ?? ""));
    }
  });

  test("holds nothing but headers, scripts' first lines and links", () => {
    const entries = readdirSync(sysrootDir, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const others = files.filter((file) => !executed.has(file.slice(sysrootDir.length)));
    expect(others.map((file) => parseShebang(readFileSync(file))?.interpreter)).toEqual([
      "/bin/sh",
      "/bin/sh",
    ]);
    expect(files.filter((file) => lstatSync(file).size > 2048)).toEqual([]);
  });
});
