import {
  type FileId,
  fail,
  NO_FILE,
  ok,
  type Result,
  VM,
  VM_OPS,
  Vma,
  type VmOps,
  type Vpn,
  vmFlagsOfCodes,
} from "@pagetrail/core";

/** A mapping as a /proc/PID/maps or smaps text has it. */
export interface ShownVma {
  readonly vma: Vma;
  /** The line, as it stands in the text. */
  readonly line: string;
  readonly name: string;
  /** The lines of smaps below it that hold sizes, in kB, by their names; empty in maps. */
  readonly sizes: ReadonlyMap<string, number>;
}

export interface MapsText {
  readonly mappings: readonly ShownVma[];
  readonly kind: "maps" | "smaps";
}

const LINE =
  /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)\s*(.*)$/;
const SIZE = /^(\w+): +(\d+) kB$/;
const FLAGS = /^VmFlags: (.*)$/;
const OTHER = /^(THPeligible|ProtectionKey): +\d+$/;
const FLAG_BITS = { r: VM.READ, w: VM.WRITE, x: VM.EXEC, s: VM.SHARED | VM.MAYSHARE } as const;
const SPECIAL: readonly VmOps[] = [VM_OPS.vvar, VM_OPS.vvarVclock, VM_OPS.vdso];

/** Whether a text begins as maps and smaps do. */
export const looksLikeMaps = (text: string): boolean => LINE.test(text.split("\n", 1)[0] ?? "");

/**
 * Reads the text of /proc/PID/maps or smaps, as the kernel prints it. Which anonymous memory is which such a text does
 * not say: what is anonymous and lies at one place counts as one. Refuses a line that is none of these files'.
 */
export function parseMaps(text: string): Result<MapsText, { readonly line: number; readonly what: string }> {
  const mappings: Draft[] = [];
  const files = new Map<string, number>();
  let kind: MapsText["kind"] = "maps";
  for (const [i, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const parts = LINE.exec(line);
    const last = mappings.at(-1);
    if (parts) {
      const draft = mappingOf(parts, line, files);
      if (!draft || draft.start < (last?.end ?? 0))
        return fail({ line: i + 1, what: "a mapping that is empty, or not behind the one before it" });
      mappings.push(draft);
    } else if (last && readDetail(line, last)) kind = "smaps";
    else
      return fail({ line: i + 1, what: `${JSON.stringify(line.slice(0, 40))} is no line of maps or smaps` });
  }
  return ok({ kind, mappings: mappings.map(finished) });
}

interface Draft {
  readonly start: number;
  readonly end: number;
  flags: number;
  readonly pgoff: number;
  readonly file: number;
  readonly ops: VmOps;
  readonly line: string;
  readonly name: string;
  readonly sizes: Map<string, number>;
}

function mappingOf(parts: RegExpExecArray, line: string, files: Map<string, number>): Draft | undefined {
  const [, from = "", to = "", r, w, x, s, offset = "", device, inode, name = ""] = parts;
  const page = (hex: string): number => Number(BigInt(`0x${hex}`) / 4096n);
  const [start, end] = [page(from), page(to)];
  if (start >= end) return undefined;
  const letters = [r, w, x, s] as (keyof typeof FLAG_BITS)[];
  const flags = letters.reduce((sum, letter) => sum | (FLAG_BITS[letter] ?? 0), 0);
  const special = SPECIAL.find(({ label }) => label === name);
  const isFile = inode !== "0" || name.startsWith("/");
  const key = inode === "0" ? name : `${device} ${inode}`;
  const file = isFile ? (files.get(key) ?? files.size + 1) : 0;
  if (isFile) files.set(key, file);
  const pgoff = isFile ? page(offset) : start;
  return {
    ...{ start, end, flags, pgoff, file, line, name },
    ops: special ?? (isFile ? VM_OPS.file : VM_OPS.anon),
    sizes: new Map(),
  };
}

/** A line of smaps below a mapping's. */
function readDetail(line: string, mapping: Draft): boolean {
  const [, name, kb] = SIZE.exec(line) ?? [];
  if (name !== undefined) mapping.sizes.set(name, Number(kb));
  const [, codes] = FLAGS.exec(line) ?? [];
  if (codes !== undefined) mapping.flags |= vmFlagsOfCodes(codes);
  return name !== undefined || codes !== undefined || OTHER.test(line);
}

function finished({ start, end, flags, pgoff, file, ops, line, name, sizes }: Draft): ShownVma {
  const id = file === 0 ? NO_FILE : (file as FileId);
  return { vma: new Vma(start as Vpn, end as Vpn, flags, 0, pgoff, id, ops, 0, 0), line, name, sizes };
}
