import { NO_FILE } from "../base/index.ts";
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

/** What it takes to come from one address space of a log to another, or to a later moment, in order of address. */
export function diffMaps(before: GapTree<Vma>, after: GapTree<Vma>): readonly MapChange[] {
  const gone: Vma[] = [];
  const come: Vma[] = [];
  diffTrees(before, after, (b, a) => {
    if (b && a && b.end === a.end && sameAttributes(b, a) && sameObject(b, a)) return;
    if (b) gone.push(b);
    if (a) come.push(a);
  });
  const changes = clusters(gone, come).flatMap(describeCluster);
  return pairMoves(changes.sort((x, y) => startOf(x) - startOf(y)));
}

/** Attributes that a reader of maps and VmFlags sees, place and length aside. */
const sameAttributes = (b: Vma, a: Vma): boolean => b.flags === a.flags && b.high === a.high;

/** Whether both map the same pages of the same file, or both anonymous memory, where they overlap. */
const sameObject = (b: Vma, a: Vma): boolean =>
  b.file === a.file && b.ops === a.ops && (b.file === NO_FILE || b.pgoff - b.start === a.pgoff - a.start);

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

/** What became of each object in the cluster: one that another has replaced is gone, and the other new. */
function describeCluster({ before, after }: Cluster): MapChange[] {
  const left = { before: [...before], after: [...after] };
  const changes: MapChange[] = [];
  for (let vma = left.before[0] ?? left.after[0]; vma; vma = left.before[0] ?? left.after[0]) {
    const one = vma;
    const isPart = (v: Vma): boolean => sameObject(one, v);
    changes.push(...describeObject(left.before.filter(isPart), left.after.filter(isPart)));
    left.before = left.before.filter((v) => !isPart(v));
    left.after = left.after.filter((v) => !isPart(v));
  }
  return changes;
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
  const left = new Set(after);
  const changes: MapChange[] = [];
  for (const b of before) {
    const twin = after.find((a) => left.has(a) && a.start === b.start && a.end === b.end);
    if (twin) left.delete(twin);
    if (!twin) changes.push({ kind: "removed", before: b });
    else if (!sameAttributes(b, twin)) changes.push(oneToOne(b, twin));
  }
  for (const a of left) changes.push({ kind: "created", after: a });
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
  const created = changes.filter((c) => c.kind === "created");
  const moved = new Map<MapChange, Vma>();
  for (const change of changes) {
    if (change.kind !== "removed") continue;
    const { before } = change;
    const target = created.find(
      (c) =>
        ![...moved.values()].includes(c.after) && isMove(before, c.after) && sameAttributes(before, c.after),
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
