import {
  diffVmas,
  type FieldChange,
  type FileId,
  type KernelState,
  type MapChange,
  type MmStruct,
  mapsLine,
  NO_FILE,
  permissions,
  VM,
  VM_ACCESS_FLAGS,
  Vma,
  type Vpn,
  vmaName,
} from "@pagetrail/core";
import type { MapsText, ShownVma } from "@pagetrail/import";

/** The mappings of one process at one moment, wherever they were seen. */
export interface Snapshot {
  readonly mappings: readonly ShownVma[];
  /** Every flag of a mapping is known, not only what it may be used for. */
  readonly flagsKnown: boolean;
  /** Where mmap began to search from above, if that is known. */
  readonly mmapBase?: number | undefined;
}

export const snapshotOfText = ({ mappings, kind }: MapsText): Snapshot => ({
  mappings,
  flagsKnown: kind === "smaps",
});

export const snapshotOfProcess = (state: KernelState, mm: MmStruct | undefined): Snapshot => ({
  flagsKnown: true,
  mmapBase: mm?.mmapBase,
  mappings: (mm?.vmas.toArray() ?? []).map((vma) => ({
    vma,
    line: mapsLine(state, mm as MmStruct, vma).trimEnd(),
    name: vmaName(state, mm as MmStruct, vma),
    sizes: new Map<string, number>(),
  })),
});

/** Of each compared VMA what its own side says of it, and, normalised, where it lies from the base of its region. */
export interface Shown extends ShownVma {
  readonly place: string | undefined;
}

export interface SnapshotDiff {
  readonly changes: readonly MapChange[];
  readonly shown: ReadonlyMap<Vma, Shown>;
  /** Sizes of smaps that are others now, of mappings that are on both sides. */
  readonly sizes: readonly { readonly vma: Vma; readonly changes: readonly FieldChange[] }[];
}

/**
 * Compares the mappings of two processes that share nothing. Files are the same when their paths are.
 *
 * @param normalize as if the program, the heap, the mappings, the stack and the vdso began at the same places
 */
export function diffSnapshots(a: Snapshot, b: Snapshot, normalize: boolean): SnapshotDiff {
  const files = new Map<string, number>();
  const shown = new Map<Vma, Shown>();
  const mask = a.flagsKnown && b.flagsKnown ? -1 : VM_ACCESS_FLAGS | VM.SHARED | VM.MAYSHARE;
  const [left, right] = [basesOf(a), basesOf(b)];
  const take = (side: Snapshot, own: Bases, common: Bases): readonly Vma[] =>
    side.mappings
      .map((mapping) => {
        const region = normalize ? regionOf(mapping, own) : undefined;
        const from = region && own[region];
        const to = region && common[region];
        const shift = from !== undefined && to !== undefined ? to - from : 0;
        const vma = comparable(mapping, shift, mask, files);
        const place = region && from !== undefined ? placeText(region, mapping.vma.start - from) : undefined;
        shown.set(vma, { ...mapping, place });
        return vma;
      })
      .sort((x, y) => x.start - y.start);
  const [before, after] = [take(a, left, right), take(b, right, right)];
  const nameOf = (vma: Vma): string => shown.get(vma)?.name ?? "";
  const changes = [...pairByName(diffVmas(before, after), nameOf), ...renames(before, after, nameOf)];
  return { changes, shown, sizes: sizeChanges(before, after, shown) };
}

const bare = (name: string): string => name.replace(/ \(deleted\)$/, "");

function comparable({ vma, name }: ShownVma, shift: number, mask: number, files: Map<string, number>): Vma {
  const path = bare(name);
  const isFile = vma.file !== NO_FILE;
  if (isFile && !files.has(path)) files.set(path, files.size + 1);
  const file = isFile ? (files.get(path) as FileId) : NO_FILE;
  const [start, end] = [(vma.start + shift) as Vpn, (vma.end + shift) as Vpn];
  // Which anonymous memory is which is a number of its own log.
  const pgoff = isFile ? vma.pgoff : start;
  return new Vma(start, end, vma.flags & mask, vma.high, pgoff, file, vma.ops, 0, 0, vma.policy);
}

/** Where the regions begin that the kernel puts at random places, in pages. */
interface Bases {
  readonly program: number | undefined;
  readonly heap: number | undefined;
  readonly mmap: number | undefined;
  readonly stack: number | undefined;
  readonly vdso: number | undefined;
  /** The program's own end: its last mapping, with the anonymous memory right behind it. */
  readonly programEnd: number;
}

type Region = "program" | "heap" | "mmap" | "stack" | "vdso";

const isVdso = (name: string): boolean => /^\[(vvar|vvar_vclock|vdso)\]$/.test(name);

function basesOf({ mappings, mmapBase }: Snapshot): Bases {
  const named = (test: (name: string) => boolean) => mappings.filter(({ name }) => test(name));
  const program = mappings.find(({ vma }) => vma.file !== NO_FILE);
  let programEnd = 0;
  for (const { vma, name } of mappings) {
    const own = program !== undefined && name === program.name;
    if (own || (vma.file === NO_FILE && vma.start === programEnd && name === "")) programEnd = vma.end;
  }
  const stack = named((name) => name === "[stack]").at(-1)?.vma.end;
  const upper = mappings.filter(
    ({ vma, name }) =>
      !isVdso(name) && name !== "[stack]" && name !== "[vsyscall]" && vma.end <= (stack ?? Infinity),
  );
  return {
    program: program?.vma.start,
    programEnd,
    heap: named((name) => name === "[heap]")[0]?.vma.start,
    mmap: mmapBase ?? upper.at(-1)?.vma.end,
    stack,
    vdso: named(isVdso)[0]?.vma.start,
  };
}

/** Which base a mapping goes with; undefined for what is never moved. */
function regionOf({ vma, name }: ShownVma, { program, programEnd }: Bases): Region | undefined {
  if (name === "[heap]") return "heap";
  if (name === "[stack]") return "stack";
  if (isVdso(name)) return "vdso";
  if (name === "[vsyscall]") return undefined;
  return program !== undefined && vma.start >= program && vma.end <= programEnd ? "program" : "mmap";
}

const placeText = (region: Region, pages: number): string =>
  `${region}${pages < 0 ? "-" : "+"}0x${(Math.abs(pages) * 4096).toString(16)}`;

/** What is gone at one place and new at another, with the same name, size and rights, has moved. */
function pairByName(changes: readonly MapChange[], nameOf: (vma: Vma) => string): readonly MapChange[] {
  const key = (vma: Vma): string =>
    [bare(nameOf(vma)), permissions(vma), vma.file === NO_FILE ? 0 : vma.pgoff, vma.pages].join(" ");
  const created = new Map<string, Vma[]>();
  for (const change of changes)
    if (change.kind === "created")
      created.set(key(change.after), [...(created.get(key(change.after)) ?? []), change.after]);
  const targets = new Set<Vma>();
  const paired = changes.map((change): MapChange => {
    const after = change.kind === "removed" ? created.get(key(change.before))?.shift() : undefined;
    if (!after || change.kind !== "removed") return change;
    targets.add(after);
    return { kind: "moved", before: change.before, after };
  });
  return paired.filter((change) => change.kind !== "created" || !targets.has(change.after));
}

/** Mappings that are the same but for what they are called. */
function renames(
  before: readonly Vma[],
  after: readonly Vma[],
  nameOf: (vma: Vma) => string,
): readonly MapChange[] {
  return twins(before, after).flatMap(([b, a]): MapChange[] =>
    nameOf(b) === nameOf(a) ? [] : [{ kind: "renamed", before: b, after: a }],
  );
}

/** Pairs of VMAs that are at the same place. */
function twins(before: readonly Vma[], after: readonly Vma[]): readonly (readonly [Vma, Vma])[] {
  const others = new Map(after.map((vma) => [vma.start, vma]));
  return before.flatMap((b): (readonly [Vma, Vma])[] => {
    const a = others.get(b.start);
    return a && a.end === b.end && a.file === b.file && a.flags === b.flags ? [[b, a]] : [];
  });
}

function sizeChanges(
  before: readonly Vma[],
  after: readonly Vma[],
  shown: ReadonlyMap<Vma, Shown>,
): SnapshotDiff["sizes"] {
  return twins(before, after).flatMap(([b, a]) => {
    const [was, is] = [shown.get(b)?.sizes ?? new Map(), shown.get(a)?.sizes ?? new Map()];
    const changes = [...new Set([...was.keys(), ...is.keys()])]
      .filter((name) => was.get(name) !== is.get(name))
      .map((name) => ({ name, before: was.get(name), after: is.get(name) }));
    return changes.length === 0 ? [] : [{ vma: a, changes }];
  });
}
