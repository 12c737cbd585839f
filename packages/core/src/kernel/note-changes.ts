import type { Journal, MmId } from "../base/index.ts";
import type { MmStruct } from "../mm/index.ts";
import type { Table } from "../struct/index.ts";
import type { KernelState } from "./state.ts";
import {
  type CounterStep,
  countersOf,
  type FrameStep,
  type KspaceStep,
  type PteStep,
  RECORD_KINDS,
  type RecordStep,
  type RecordTable,
  type SpaceStep,
  type TlbStep,
} from "./step.ts";

const RECORD_TABLES = Object.keys(RECORD_KINDS) as readonly RecordTable[];

/**
 * Tells a journal at the end of a transaction what no operation told: records, once each, with what they were before
 * and what they are behind it, and below the VMAs what is told of whole.
 *
 * @param spaces address spaces whose pages the transaction may have changed; none where it did not look at memory
 */
export function noteChanges(
  journal: Journal,
  before: KernelState,
  after: KernelState,
  spaces: Iterable<MmId> | undefined,
): void {
  for (const table of RECORD_TABLES) {
    const [was, is] = [before[table], after[table]] as [Table<number, object>, Table<number, object>];
    was.diff(is, (key, one, other) => {
      const step: RecordStep = { kind: RECORD_KINDS[table], table, key, before: one, after: other };
      journal.note(step);
    });
  }
  if (spaces) notePages(journal, before, after, spaces);
  if (after.kspace !== before.kspace) {
    const step: KspaceStep = { kind: "kspace", before: before.kspace, after: after.kspace };
    journal.note(step);
  }
  if (after.tlb && before.tlb && after.tlb !== before.tlb) {
    const step: TlbStep = { kind: "tlb", before: before.tlb, after: after.tlb };
    journal.note(step);
  }
  const step: CounterStep = { kind: "counters", before: countersOf(before), after: countersOf(after) };
  journal.note(step);
}

/** What lies below the VMAs is told of once, whole. */
function notePages(journal: Journal, before: KernelState, after: KernelState, spaces: Iterable<MmId>): void {
  if (!before.memory || !after.memory) return;
  for (const mm of spaces) {
    const step: PteStep = {
      kind: "pte",
      mm,
      before: before.mms.get(mm)?.pages,
      after: after.mms.get(mm)?.pages,
    };
    if (after.mms.has(mm)) journal.note(step);
  }
  for (const [mm, { pages }] of before.mms.entries()) {
    const gone: PteStep = { kind: "pte", mm, before: pages, after: undefined };
    if (!after.mms.has(mm)) journal.note(gone);
  }
  const frames: FrameStep = { kind: "frame", before: before.memory, after: after.memory };
  journal.note(frames);
}

/** An address space came or went: told with a copy, for operations go on changing it. */
export function noteSpace(
  journal: Journal | undefined,
  mm: MmId,
  before: MmStruct | undefined,
  after: MmStruct | undefined,
): void {
  if (!journal) return;
  const copy = (m: MmStruct | undefined): MmStruct | undefined =>
    m && { ...m, vmas: m.vmas.clone(), ...(m.pages && { pages: m.pages.clone() }) };
  const step: SpaceStep = { kind: "space", mm, before: copy(before), after: copy(after) };
  journal.note(step);
}
