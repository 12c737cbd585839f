import type { KernelTraits } from "../arch/index.ts";
import {
  addressText,
  done,
  isAligned,
  type Result,
  rangeText,
  refuse,
  type Trace,
  type Vpn,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { stickyFlags, VM } from "./vm-flags.ts";
import { isForkChild, isSpecial, Vma } from "./vma.ts";

type Refused = ReturnType<typeof refuse>;

/** Whether two VMAs' anon_vmas let one VMA stand for both: is_mergeable_anon_vma. */
function anonCompatible(t: KernelTraits, n: Vma, x: Vma): boolean {
  if (n.anonVma === 0) return x.anonVma === 0 || (t.touchedJoinsUntouched && !isForkChild(x));
  if (x.anonVma === 0) return !isForkChild(n);
  return n.anonVma === x.anonVma;
}

/** What keeps two VMAs apart. */
type Apart = "flags" | "other flags" | "object" | "policy" | "close hook" | "anon_vma";

/** What keeps proposed `x` from being one with neighbour `n`, offsets aside: is_mergeable_vma, mm/vma.c (6.18). */
function apart(t: KernelTraits, n: Vma, x: Vma): Apart | undefined {
  if (((n.flags ^ x.flags) & ~stickyFlags(t)) !== 0) return "flags";
  if (n.high !== x.high) return "other flags";
  if (n.file !== x.file || n.ops !== x.ops) return "object";
  if (n.policy !== x.policy) return "policy";
  if (!t.closeHooksGrow && n.ops.close) return "close hook";
  return anonCompatible(t, n, x) ? undefined : "anon_vma";
}

const attributesMatch = (t: KernelTraits, n: Vma, x: Vma): boolean => apart(t, n, x) === undefined;

const mergesBefore = (t: KernelTraits, n: Vma | undefined, x: Vma): n is Vma =>
  n !== undefined && n.end === x.start && n.pgoff + n.pages === x.pgoff && attributesMatch(t, n, x);

const mergesAfter = (t: KernelTraits, n: Vma | undefined, x: Vma): n is Vma =>
  n !== undefined && n.start === x.end && x.pgoff + x.pages === n.pgoff && attributesMatch(t, n, x);

const sameOrNoAnon = (a: Vma, b: Vma): boolean =>
  a.anonVma === 0 || b.anonVma === 0 || a.anonVma === b.anonVma;

/** Says of each neighbour that adjoins why it does not become one with `x`, or that it could. */
function traceNeighbours(
  trace: Trace,
  t: KernelTraits,
  before: Vma | undefined,
  x: Vma,
  after: Vma | undefined,
): void {
  trace.enter("vma_merge_new_range");
  for (const n of [before, after]) {
    if (!n || (n.end !== x.start && n.start !== x.end)) continue;
    const apart = whyApart(t, n, x);
    const which = n === before ? "below" : "above";
    trace.choose(
      `the mapping ${which}, ${rangeText(n.start, n.end)}, ${apart ? `stays apart: ${apart}` : "fits"}`,
    );
  }
}

const flagNames = (flags: number): string =>
  Object.entries(VM)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => `VM_${name}`)
    .join(", ");

const WHY: Readonly<Record<Exclude<Apart, "flags">, string>> = {
  "other flags": "its flags differ",
  object: "it maps something else",
  policy: "its memory policy differs",
  "close hook": "its kind has a close hook",
  anon_vma: "its anon_vma is another",
};

/** Why a neighbour that adjoins does not become one with `x`, for a reader. */
function whyApart(t: KernelTraits, n: Vma, x: Vma): string | undefined {
  if (isSpecial(x)) return "special memory never merges";
  const found = apart(t, n, x);
  if (found === "flags") return `its flags differ in ${flagNames((n.flags ^ x.flags) & ~stickyFlags(t))}`;
  if (found) return WHY[found];
  return n.end === x.start ? offsetsGoOn(n, x) : offsetsGoOn(x, n);
}

const offsetsGoOn = (low: Vma, high: Vma): string | undefined =>
  low.pgoff + low.pages === high.pgoff ? undefined : "the offsets do not go on";

/** `target` stretched over [start, end), with the anon_vma and the sticky flags of whoever has them. */
function stretched(t: KernelTraits, target: Vma, start: number, end: number, parts: readonly Vma[]): Vma {
  let donor = target;
  for (const p of parts) if (donor.anonVma === 0 && p.anonVma !== 0) donor = p;
  let { flags } = target;
  for (const p of parts) flags |= p.flags & stickyFlags(t);
  const pgoff = target.pgoff + (start - target.start);
  const { high, file, ops, policy } = target;
  return new Vma(start as Vpn, end as Vpn, flags, high, pgoff, file, ops, donor.anonVma, donor.chain, policy);
}

/**
 * Puts the new VMA `x` into a free range, as one with its neighbours where they are compatible.
 *
 * @returns the VMA that now covers the range
 * @kernel vma_merge_new_range, mm/vma.c (6.18)
 */
export function mergeNew(edit: MmEdit, x: Vma, only: "both" | "before" = "both"): Vma {
  const { traits } = edit.env;
  const before = edit.previous(x);
  const after = edit.findVma(x.end);
  if (edit.env.trace) traceNeighbours(edit.env.trace, traits, before, x, after);
  const free = isSpecial(x);
  const left = !free && mergesBefore(traits, before, x) ? before : undefined;
  let right = !free && only === "both" && mergesAfter(traits, after, x) ? after : undefined;
  // A neighbour with a close hook cannot be swallowed, and two anon_vmas cannot become one.
  if (left && right && (right.ops.close || !sameOrNoAnon(left, right))) right = undefined;
  return join(edit, x, left, right);
}

/**
 * Puts a new mapping into a free range as `mmap` does. 6.1 looks at the next VMA first, and asks whether the
 * previous one fits to that one's anon_vma.
 *
 * @kernel __mmap_region, mm/vma.c (6.18); mmap_region, mm/mmap.c (6.1)
 */
export function mergeMapping(edit: MmEdit, x: Vma): Vma {
  const { traits } = edit.env;
  if (traits.newJoinsFirst === "previous" || isSpecial(x)) return mergeNew(edit, x);
  const after = edit.findVma(x.end);
  const right = mergesAfter(traits, after, x) ? after : undefined;
  const before = edit.previous(x);
  const asked = right ? x.withAnon(right.anonVma, right.chain) : x;
  return join(edit, x, mergesBefore(traits, before, asked) ? before : undefined, right);
}

/** Puts `x` in as one with the neighbours that were found fit for it. */
function join(edit: MmEdit, x: Vma, left: Vma | undefined, right: Vma | undefined): Vma {
  const { traits } = edit.env;
  let merged = x;
  if (left) merged = stretched(traits, left, left.start, right ? right.end : x.end, right ? [x, right] : [x]);
  else if (right) merged = stretched(traits, right, x.start, right.end, [x]);
  if (left && right) edit.replaceVmas([left, right], [merged]);
  else if (left) edit.replaceVma(left, merged);
  else if (right) edit.replaceVma(right, merged);
  else edit.addVma(merged);
  return merged;
}

/**
 * Gives the pages [start, end) of `vma` other flags, merging with neighbours that have them already, else
 * splitting.
 *
 * @refuses ENOMEM when a split would pass max_map_count; a first split is not taken back
 * @kernel vma_modify, vma_merge_existing_range, mm/vma.c (6.18)
 */
export function vmaModify(
  edit: MmEdit,
  vma: Vma,
  start: number,
  end: number,
  flags: number,
  high: number = vma.high,
): Result<void> {
  return vmaReplace(edit, vma, vma.part(start, end, flags, high));
}

/**
 * The same for a part that differs in something else, its memory policy.
 *
 * @param middle the part as it is to be
 */
export function vmaReplace(edit: MmEdit, vma: Vma, middle: Vma): Result<void> {
  const { start, end } = middle;
  edit.env.trace?.enter("vma_modify");
  const merged = mergeExisting(edit, vma, middle);
  if (merged) {
    edit.env.trace?.choose(`it becomes one with a neighbour: ${rangeText(merged.start, merged.end)}`);
    return done;
  }
  const below = start > vma.start ? vma.resized(vma.start, start) : undefined;
  const above = end < vma.end ? vma.resized(end, vma.end) : undefined;
  const first = below && checkSplit(edit, vma, start, 0);
  if (first) return first;
  const second = above && checkSplit(edit, vma, end, below ? 1 : 0);
  if (second) {
    if (below) cutVma(edit, vma, start);
    return second;
  }
  if (below || above)
    edit.env.trace?.choose(`${rangeText(start, end)} is cut out of ${rangeText(vma.start, vma.end)}`);
  if (below) edit.replaceVmas([vma], above ? [below, middle, above] : [below, middle]);
  else if (above) edit.replaceVmas([vma], [middle, above]);
  else edit.replaceVma(vma, middle);
  return done;
}

function mergeExisting(edit: MmEdit, vma: Vma, x: Vma): Vma | undefined {
  const { traits } = edit.env;
  const atStart = x.start === vma.start;
  const atEnd = x.end === vma.end;
  if (isSpecial(x) || !(atStart || atEnd)) return undefined;
  const before = atStart ? edit.previous(vma) : undefined;
  const after = atEnd ? edit.findVma(vma.end) : undefined;
  const left = mergesBefore(traits, before, x) ? before : undefined;
  let right = mergesAfter(traits, after, x) ? after : undefined;
  if (left && right && !sameOrNoAnon(left, right)) right = undefined;
  if (!left && !right) return undefined;
  if (atStart && atEnd && vma.ops.close) return undefined;
  if (left && right?.ops.close) right = undefined;

  if (left) {
    const merged = stretched(traits, left, left.start, right ? right.end : x.end, right ? [x, right] : [x]);
    const parts = atEnd ? [merged] : [merged, vma.resized(x.end, vma.end)];
    edit.replaceVmas(right ? [left, vma, right] : [left, vma], parts);
    return merged;
  }
  if (!right) return undefined;
  const merged = stretched(traits, right, x.start, right.end, [x]);
  const parts = atStart ? [merged] : [vma.resized(vma.start, x.start), merged];
  edit.replaceVmas([vma, right], parts);
  return merged;
}

/** Whether a boundary may be made at `page`: vm_ops->may_split. */
export const maySplit = (vma: Vma, page: number): boolean =>
  vma.ops.splitPages > 0 && isAligned(page, vma.ops.splitPages);

/** What split_vma, mm/vma.c (6.18), refuses: ENOMEM at max_map_count, with `more` VMAs than there are. */
function checkSplit(edit: MmEdit, vma: Vma, page: number, more: number): Refused | undefined {
  if (edit.mapCount + more >= edit.env.sysctl.maxMapCount)
    return refuse("ENOMEM", `a split would pass max_map_count (${edit.env.sysctl.maxMapCount})`);
  return mayCut(edit, vma, page) ? undefined : cannotSplit(vma);
}

/** The same where vvar and vdso need no asking in some releases. */
const mayCut = (edit: MmEdit, vma: Vma, page: number): boolean =>
  maySplit(vma, page) || (edit.env.traits.specialSplits && vma.ops.splitPages === 0);

const cannotSplit = (vma: Vma): Refused =>
  refuse("EINVAL", `${vma.ops.label ?? vma.ops.name} cannot be split`);

/**
 * Cuts `vma` in two at `page`, for callers that have looked at max_map_count themselves.
 *
 * @refuses EINVAL when the mapping cannot be split there
 * @kernel __split_vma, mm/vma.c (6.18)
 */
export function cutVma(edit: MmEdit, vma: Vma, page: number): Result<{ before: Vma; after: Vma }> {
  edit.env.trace?.enter("__split_vma");
  if (!mayCut(edit, vma, page)) return cannotSplit(vma);
  edit.env.trace?.choose(`${rangeText(vma.start, vma.end)} is cut at ${addressText(page)}`);
  const before = vma.resized(vma.start, page);
  const after = vma.resized(page, vma.end);
  edit.replaceVmas([vma], [before, after]);
  return { ok: true, value: { before, after } };
}

/** VMAs that cover [start, end) without a hole, or where the first hole is. */
export function coveringVmas(edit: MmEdit, start: number, end: number): Result<readonly Vma[]> {
  const vmas = edit.mm.vmas.collect(start, end);
  let at = start;
  for (const v of vmas) {
    if (v.start > at) break;
    at = v.end;
  }
  return at >= end ? { ok: true, value: vmas } : refuse("ENOMEM", "the range has a hole");
}
