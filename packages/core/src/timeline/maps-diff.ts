import { NO_FILE } from "../base/index.ts";
import { clusterVmas } from "../kernel/index.ts";
import { VM, VM_ACCESS_FLAGS, type Vma } from "../mm/index.ts";
import { diffTrees, type GapTree } from "../struct/index.ts";

/** One change between two address spaces, or two moments of one. */
export type MapChange =
  | { readonly kind: "created"; readonly after: Vma }
  | { readonly kind: "removed"; readonly before: Vma }
  | { readonly kind: ChangeKind; readonly before: Vma; readonly after: Vma }
  | { readonly kind: "split"; readonly before: Vma; readonly parts: readonly Vma[] }
  | { readonly kind: "merged"; readonly parts: readonly Vma[]; readonly after: Vma };

/** What became of one VMA: it moved, grew, shrank, got another protection, other attributes, or its file another name. */
export type ChangeKind = "moved" | "grown" | "shrunk" | "protected" | "changed" | "renamed";

/** What it takes to come from one address space of a log to another, or to a later moment, in order of address. */
export function diffMaps(before: GapTree<Vma>, after: GapTree<Vma>): readonly MapChange[] {
  const gone: Vma[] = [];
  const come: Vma[] = [];
  diffTrees(before, after, (b, a) => {
    if (b && a && isSame(b, a)) return;
    if (b) gone.push(b);
    if (a) come.push(a);
  });
  return describe(gone, come);
}

/**
 * The same for VMAs in lists, in order of address, that share nothing: those of two logs, or of two texts.
 * Whoever asks has given equal numbers to equal files.
 */
export function diffVmas(before: readonly Vma[], after: readonly Vma[]): readonly MapChange[] {
  const others = new Map(after.map((a) => [a.start, a]));
  const gone: Vma[] = [];
  for (const b of before) {
    const a = others.get(b.start);
    if (a && isSame(b, a)) others.delete(b.start);
    else gone.push(b);
  }
  return describe(gone, [...others.values()]);
}

const isSame = (b: Vma, a: Vma): boolean => b.end === a.end && sameAttributes(b, a) && sameObject(b, a);

function describe(gone: readonly Vma[], come: readonly Vma[]): readonly MapChange[] {
  const changes = clusterVmas(gone, come).flatMap(describeCluster);
  return pairMoves(changes.sort((x, y) => startOf(x) - startOf(y)));
}

/** Attributes that a reader of maps and VmFlags sees, place and length aside. */
const sameAttributes = (b: Vma, a: Vma): boolean => b.flags === a.flags && b.high === a.high;

/** Whether both map the same pages of the same file, or both anonymous memory, where they overlap. */
const sameObject = (b: Vma, a: Vma): boolean =>
  b.file === a.file && b.ops === a.ops && (b.file === NO_FILE || b.pgoff - b.start === a.pgoff - a.start);

/** Equal for VMAs of the same object. */
const objectKey = ({ file, ops, pgoff, start }: Vma): string =>
  file === NO_FILE ? ops.name : `${file} ${ops.name} ${pgoff - start}`;

type Cluster = { readonly before: readonly Vma[]; readonly after: readonly Vma[] };

/** What became of each object in the cluster: one that another has replaced is gone, and the other new. */
function describeCluster({ before, after }: Cluster): MapChange[] {
  if (before.length === 0 || after.length === 0 || before.length + after.length === 2)
    return describeFew(before, after);
  const objects = new Map<string, { before: Vma[]; after: Vma[] }>();
  const sidesOf = (vma: Vma) => {
    const key = objectKey(vma);
    const known = objects.get(key);
    if (known) return known;
    const made = { before: [], after: [] };
    objects.set(key, made);
    return made;
  };
  for (const vma of before) sidesOf(vma).before.push(vma);
  for (const vma of after) sidesOf(vma).after.push(vma);
  return [...objects.values()].flatMap((sides) => describeObject(sides.before, sides.after));
}

/** The commonest clusters: one side only, or a VMA on each. */
function describeFew(before: readonly Vma[], after: readonly Vma[]): MapChange[] {
  const [b, a] = [before[0], after[0]];
  if (!b || !a || sameObject(b, a)) return describeObject(before, after);
  return [
    { kind: "removed", before: b },
    { kind: "created", after: a },
  ];
}

function describeObject(before: readonly Vma[], after: readonly Vma[]): MapChange[] {
  const [b, a] = [before[0], after[0]];
  if (!b) return after.map((v) => ({ kind: "created", after: v }));
  if (!a) return before.map((v) => ({ kind: "removed", before: v }));
  if (before.length === 1 && after.length === 1) return [oneToOne(b, a)];
  if (before.length === 1) return [{ kind: "split", before: b, parts: after }];
  if (after.length === 1) return [{ kind: "merged", parts: before, after: a }];
  return manyToMany(before, after);
}

function oneToOne(before: Vma, after: Vma): MapChange {
  if (sameAttributes(before, after))
    return { kind: after.pages >= before.pages ? "grown" : "shrunk", before, after };
  const access = ((before.flags ^ after.flags) & VM_ACCESS_FLAGS) !== 0;
  return { kind: access ? "protected" : "changed", before, after };
}

/** No one VMA stands for the other side: each is told by itself, but for those that match exactly. */
function manyToMany(before: readonly Vma[], after: readonly Vma[]): MapChange[] {
  const left = new Map(after.map((a) => [a.start, a]));
  const changes: MapChange[] = [];
  for (const b of before) {
    const twin = left.get(b.start);
    if (twin?.end !== b.end) changes.push({ kind: "removed", before: b });
    else {
      left.delete(b.start);
      if (!sameAttributes(b, twin)) changes.push(oneToOne(b, twin));
    }
  }
  for (const a of left.values()) changes.push({ kind: "created", after: a });
  return changes;
}

/** The page at which a change begins. */
export function startOf(change: MapChange): number {
  if (change.kind === "created") return change.after.start;
  if (change.kind === "merged") return Math.min(change.after.start, ...change.parts.map((p) => p.start));
  return change.before.start;
}

/** A removal and a creation of the same memory are a move. */
function pairMoves(changes: readonly MapChange[]): readonly MapChange[] {
  const created = new Map<string, Vma[]>();
  for (const change of changes) {
    const key = change.kind === "created" ? memoryKey(change.after) : undefined;
    if (key === undefined || change.kind !== "created") continue;
    const known = created.get(key);
    if (known) known.push(change.after);
    else created.set(key, [change.after]);
  }
  if (created.size === 0) return changes;
  const targets = new Set<Vma>();
  const paired = changes.map((change): MapChange => {
    const key = change.kind === "removed" ? memoryKey(change.before) : undefined;
    const after = key === undefined ? undefined : created.get(key)?.shift();
    if (!after || change.kind !== "removed") return change;
    targets.add(after);
    return { kind: "moved", before: change.before, after };
  });
  return paired.filter((change) => change.kind !== "created" || !targets.has(change.after));
}

/** Equal for the same pages of the same object with the same attributes, wherever: what mremap leaves. */
function memoryKey({ anonVma, pgoff, flags, high, file }: Vma): string | undefined {
  if (anonVma !== 0) return `${anonVma} ${pgoff} ${flags} ${high}`;
  const shared = (flags & VM.SHARED) !== 0 && file !== NO_FILE;
  return shared ? `file ${file} ${pgoff} ${flags} ${high}` : undefined;
}
