import { kspaceText } from "../kspace/index.ts";
import type { MmPages, MmScalar, MmStep, MmStruct, Vma, VmaStep } from "../mm/index.ts";
import { sameVma } from "../mm/index.ts";
import type { Table } from "../struct/index.ts";
import type { KernelState } from "./state.ts";
import {
  type CounterStep,
  countersOf,
  type FrameStep,
  type KernelStep,
  type KspaceStep,
  type PteStep,
  RECORD_KINDS,
  type RecordStep,
  type RecordTable,
  type SpaceStep,
  type TlbStep,
} from "./step.ts";

/** Fields that follow from the VMAs, and are kept with them: `MmEdit`. */
const TOTALS = ["totalVm", "lockedVm", "dataVm", "execVm", "stackVm"] as const satisfies readonly MmScalar[];
type Total = (typeof TOTALS)[number];
const SCALARS: { readonly [F in Exclude<MmScalar, Total>]: true } = {
  mmapBase: true,
  mmapLegacyBase: true,
  mmapCompatBase: true,
  mmapCompatLegacyBase: true,
  bottomUp: true,
  life: true,
  mmUsers: true,
  mmCount: true,
  pinnedVm: true,
  hiwaterVm: true,
  defFlags: true,
  startCode: true,
  endCode: true,
  startData: true,
  endData: true,
  startBrk: true,
  brk: true,
  startStack: true,
  argStart: true,
  argEnd: true,
  envStart: true,
  envEnd: true,
  vdso: true,
  mdwe: true,
  thpDisabled: true,
  mergeAny: true,
  unstable: true,
  oomSkip: true,
  rings: true,
  untouched: true,
};

/** Every field that a step of kind `mm` can tell of on its own. */
export const MM_SCALARS = Object.keys(SCALARS) as readonly (keyof typeof SCALARS)[];

const RECORD_TABLES = Object.keys(RECORD_KINDS) as readonly RecordTable[];

/**
 * The steps that lead from one state of a machine to another, whatever happened in between: at most one for
 * everything that differs. What the two share is skipped, so that it costs what differs.
 *
 * `applySteps(a, diffStates(a, b))` is `b`.
 *
 * @param a a state of the same machine as `b`: their profiles are the same
 */
export function diffStates(a: KernelState, b: KernelState): readonly KernelStep[] {
  const steps: KernelStep[] = [];
  a.mms.diff(b.mms, (mm, before, after) => {
    if (before && after) steps.push(...diffSpaces(before, after));
    else steps.push({ kind: "space", mm, before, after } satisfies SpaceStep);
  });
  for (const table of RECORD_TABLES) {
    const [was, is] = [a[table], b[table]] as [Table<number, object>, Table<number, object>];
    was.diff(is, (key, before, after) => {
      if (!sameRecord(before, after))
        steps.push({ kind: RECORD_KINDS[table], table, key, before, after } satisfies RecordStep);
    });
  }
  if (a.memory && b.memory && a.memory !== b.memory)
    steps.push({ kind: "frame", before: a.memory, after: b.memory } satisfies FrameStep);
  if (a.tlb && b.tlb && a.tlb !== b.tlb)
    steps.push({ kind: "tlb", before: a.tlb, after: b.tlb } satisfies TlbStep);
  if (a.kspace !== b.kspace && kspaceText(a.kspace) !== kspaceText(b.kspace))
    steps.push({ kind: "kspace", before: a.kspace, after: b.kspace } satisfies KspaceStep);
  const [before, after] = [countersOf(a), countersOf(b)];
  if (!sameRecord(before, after)) steps.push({ kind: "counters", before, after } satisfies CounterStep);
  return steps;
}

/** The steps from one version of an address space to another: its VMAs, its fields, its pages. */
function diffSpaces(before: MmStruct, after: MmStruct): KernelStep[] {
  const mm = before.id;
  const steps: KernelStep[] = diffVmas(before, after).map((step): VmaStep => ({ kind: "vma", mm, ...step }));
  for (const field of MM_SCALARS)
    if (!sameField(before[field], after[field]))
      steps.push({ kind: "mm", mm, field, before: before[field], after: after[field] } satisfies MmStep);
  if (!samePages(before.pages, after.pages))
    steps.push({ kind: "pte", mm, before: before.pages, after: after.pages } satisfies PteStep);
  return steps;
}

type VmaSides = Pick<VmaStep, "before" | "after">;

function diffVmas(before: MmStruct, after: MmStruct): readonly VmaSides[] {
  const gone: Vma[] = [];
  const come: Vma[] = [];
  before.vmas.diff(after.vmas, (b, a) => {
    if (b && a && sameVma(b, a)) return;
    if (b) gone.push(b);
    if (a) come.push(a);
  });
  return clusterVmas(gone, come);
}

/**
 * VMAs that went and VMAs that came, both in order of address, in groups that overlap. Within a group those of one
 * side are neighbours: what lay between them and stayed would overlap what came.
 */
export function clusterVmas(gone: readonly Vma[], come: readonly Vma[]): readonly VmaSides[] {
  const groups: { before: Vma[]; after: Vma[] }[] = [];
  let group: (typeof groups)[number] | undefined;
  let [i, j, end] = [0, 0, -1];
  while (i < gone.length || j < come.length) {
    const [old, fresh] = [gone[i], come[j]];
    const isOld = old !== undefined && (fresh === undefined || old.start <= fresh.start);
    const vma = (isOld ? old : fresh) as Vma;
    if (!group || vma.start >= end) {
      group = { before: [], after: [] };
      groups.push(group);
    }
    if (isOld) {
      group.before.push(vma);
      i++;
    } else {
      group.after.push(vma);
      j++;
    }
    end = Math.max(end, vma.end);
  }
  return groups;
}

/** Whether two versions share all their page tables and count the same. */
export function samePages(a: MmPages | undefined, b: MmPages | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.table.root !== b.table.root || a.table.counted !== b.table.counted) return false;
  return (
    a.rssFile === b.rssFile &&
    a.rssAnon === b.rssAnon &&
    a.rssShmem === b.rssShmem &&
    a.swapEnts === b.swapEnts &&
    a.hugetlb === b.hugetlb &&
    a.hiwaterRss === b.hiwaterRss
  );
}

/** Fields of an address space are plain, or lists of plain things. */
export const sameField = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));

/** Records are exchanged, never changed; two that came about apart may still say the same. */
export function sameRecord(a: object | undefined, b: object | undefined): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const name of names) {
    const [x, y] = [left[name], right[name]];
    if (x === y) continue;
    if (typeof x !== "object" || typeof y !== "object" || x === null || y === null) return false;
    if (!sameRecord(x, y)) return false;
  }
  return true;
}
