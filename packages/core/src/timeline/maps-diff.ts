import { VM, VM_ACCESS_FLAGS, type Vma } from "../mm/index.ts";
import { diffTrees, type GapTree } from "../struct/index.ts";

/** One change between two address spaces, or two moments of one. */
export type MapChange =
  | { readonly kind: "created"; readonly after: Vma }
  | { readonly kind: "removed"; readonly before: Vma }
  | { readonly kind: ChangeKind; readonly before: Vma; readonly after: Vma }
  | { readonly kind: "split"; readonly before: Vma; readonly parts: readonly Vma[] }
  | { readonly kind: "merged"; readonly parts: readonly Vma[]; readonly after: Vma };

/** What became of one VMA: it moved, grew, shrank, got another protection, or other attributes. */
export type ChangeKind = "moved" | "grown" | "shrunk" | "protected" | "changed";

/** Whether two VMAs, perhaps of different logs, show the same in maps. */
export type SameVma = (before: Vma, after: Vma) => boolean;

/**
 * What it takes to come from one address space to the other, in order of address.
 *
 * @param same how VMAs are compared; by default within one log, by every attribute that maps can show
 */
export function diffMaps(
  before: GapTree<Vma>,
  after: GapTree<Vma>,
  same: SameVma = sameAttributes,
): readonly MapChange[] {
  const gone: Vma[] = [];
  const come: Vma[] = [];
  diffTrees(before, after, (b, a) => {
    if (b && a && b.end === a.end && same(b, a)) return;
    if (b) gone.push(b);
    if (a) come.push(a);
  });
  return pairMoves(
    clusters(gone, come).flatMap((c) => describe(c, same)),
    same,
  );
}

/** Attributes that a reader of maps and VmFlags sees, place and length aside. */
export const sameAttributes: SameVma = (b, a) =>
  b.flags === a.flags && b.high === a.high && b.file === a.file && b.ops.name === a.ops.name;

type Cluster = { readonly before: Vma[]; readonly after: Vma[] };

/** Groups VMAs of both sides that overlap, directly or through others. */
function clusters(gone: readonly Vma[], come: readonly Vma[]): Cluster[] {
  const all = [...gone.map((vma) => ({ vma, old: true })), ...come.map((vma) => ({ vma, old: false }))];
  all.sort((x, y) => x.vma.start - y.vma.start || x.vma.end - y.vma.end);
  const result: Cluster[] = [];
  let end = -1;
  for (const { vma, old } of all) {
    let current = result.at(-1);
    if (!current || vma.start >= end) {
      current = { before: [], after: [] };
      result.push(current);
      end = -1;
    }
    (old ? current.before : current.after).push(vma);
    end = Math.max(end, vma.end);
  }
  return result;
}

function describe({ before, after }: Cluster, same: SameVma): MapChange[] {
  const [b, a] = [before[0], after[0]];
  if (!b) return after.map((v) => ({ kind: "created", after: v }));
  if (!a) return before.map((v) => ({ kind: "removed", before: v }));
  if (before.length === 1 && after.length === 1) return [oneToOne(b, a, same)];
  if (before.length === 1) return [{ kind: "split", before: b, parts: after }];
  if (after.length === 1) return [{ kind: "merged", parts: before, after: a }];
  return manyToMany(before, after, same);
}

function oneToOne(before: Vma, after: Vma, same: SameVma): MapChange {
  const kept = same(before, after);
  if (kept) {
    const grown = after.pages >= before.pages;
    return { kind: grown ? "grown" : "shrunk", before, after };
  }
  const access = ((before.flags ^ after.flags) & VM_ACCESS_FLAGS) !== 0;
  const file = before.file === after.file && before.ops.name === after.ops.name;
  return { kind: access && file ? "protected" : "changed", before, after };
}

/** No one VMA stands for the other side: each is told by itself, but for those that match exactly. */
function manyToMany(before: readonly Vma[], after: readonly Vma[], same: SameVma): MapChange[] {
  const left = new Set(after);
  const changes: MapChange[] = [];
  for (const b of before) {
    const twin = after.find((a) => left.has(a) && a.start === b.start && a.end === b.end);
    if (twin) left.delete(twin);
    if (!twin) changes.push({ kind: "removed", before: b });
    else if (!same(b, twin)) changes.push(oneToOne(b, twin, same));
  }
  for (const a of left) changes.push({ kind: "created", after: a });
  return changes.sort((x, y) => startOf(x) - startOf(y));
}

/** The page at which a change begins. */
export function startOf(change: MapChange): number {
  if (change.kind === "created") return change.after.start;
  if (change.kind === "merged") return Math.min(change.after.start, ...change.parts.map((p) => p.start));
  return change.before.start;
}

/** A removal and a creation of the same memory are a move. */
function pairMoves(changes: readonly MapChange[], same: SameVma): readonly MapChange[] {
  const created = changes.filter((c) => c.kind === "created");
  const moved = new Map<MapChange, Vma>();
  for (const change of changes) {
    if (change.kind !== "removed") continue;
    const { before } = change;
    const target = created.find(
      (c) => ![...moved.values()].includes(c.after) && isMove(before, c.after) && same(before, c.after),
    );
    if (target) moved.set(change, target.after);
  }
  const targets = new Set(moved.values());
  return changes.flatMap((change): MapChange[] => {
    if (change.kind === "created" && targets.has(change.after)) return [];
    const after = moved.get(change);
    return after && change.kind === "removed" ? [{ kind: "moved", before: change.before, after }] : [change];
  });
}

/** The same pages of the same object, elsewhere: what mremap leaves. */
const isMove = (before: Vma, after: Vma): boolean =>
  before.pgoff === after.pgoff &&
  (before.anonVma !== 0
    ? before.anonVma === after.anonVma
    : (before.flags & VM.SHARED) !== 0 && before.file !== 0);
