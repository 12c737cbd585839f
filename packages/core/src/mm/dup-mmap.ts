import { type MmId, ok, type Result, rangeText } from "../base/index.ts";
import { copyPageRange, needsCopy } from "./copy-page-range.ts";
import { exitMmapPages } from "./exit-mmap.ts";
import { charge } from "./limits.ts";
import { MmEdit } from "./mm-edit.ts";
import { MmPages } from "./mm-pages.ts";
import { emptyMm, type MmStruct } from "./mm-struct.ts";
import { MDWE } from "./mman.ts";
import { flushTlbMm } from "./mmu-gather.ts";
import { VM, VM_LOCKED_MASK } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/**
 * A copy of the parent's address space, as fork makes it.
 *
 * @refuses ENOMEM when the accounted memory cannot be charged twice; nothing stays charged
 * @kernel dup_mm, kernel/fork.c; dup_mmap, mm/mmap.c (6.18)
 */
export function dupMmap(parent: MmEdit, id: MmId): Result<MmStruct> {
  const { trace } = parent.env;
  trace?.enter("dup_mmap");
  const child = new MmEdit({ ...parent.mm, ...freshCounters(id, parent.mm) }, parent.env, undefined);
  const copies: Vma[] = [];
  const pages = emptyPages(child);
  for (const vma of parent.mm.vmas.items()) {
    if ((vma.flags & VM.DONTCOPY) !== 0) {
      trace?.choose(`${rangeText(vma.start, vma.end)} is not for children (MADV_DONTFORK)`);
      continue;
    }
    if ((vma.flags & VM.ACCOUNT) !== 0) {
      const charged = charge(parent, vma.pages);
      if (!charged.ok) {
        parent.env.commitment.committed -= copies.reduce((n, v) => n + accounted(v), 0);
        if (pages) giveUp(parent, pages, copies);
        flushTlbMm(parent);
        return charged;
      }
    }
    copies.push(inherited(child, vma));
    if (pages && needsCopy(vma) && (vma.flags & VM.WIPEONFORK) === 0) copyPageRange(parent, pages, vma);
  }
  flushTlbMm(parent);
  trace?.choose(`${copies.length} mappings are copied`);
  child.replaceVmas([], copies);
  pages?.noteHighWater();
  return ok({ ...child.mm, pages, hiwaterVm: child.mm.totalVm });
}

/** What was copied goes again, and so do the tables, down to the top one: mmput on the child that is not to be. */
function giveUp({ env: { memory } }: MmEdit, pages: MmPages, copies: readonly Vma[]): void {
  exitMmapPages(memory, pages, copies);
  memory?.tables.freeTable(pages.table.pgd);
}

/** mm_alloc_pgd: page tables without a page, where the machine's are modelled. */
export const emptyPages = (edit: MmEdit): MmPages | undefined =>
  edit.env.memory && MmPages.create(edit.env.memory.paging, edit.env.memory.tables);

const accounted = (v: Vma): number => ((v.flags & VM.ACCOUNT) !== 0 ? v.pages : 0);

/** What of an mm's own flags passes to a child, and through exec: mmf_init_legacy_flags. */
export const inheritedFlags = (mm: MmStruct): Pick<MmStruct, "mdwe" | "thpDisabled" | "mergeAny"> => ({
  mdwe: (mm.mdwe & MDWE.NO_INHERIT) !== 0 ? 0 : mm.mdwe,
  ...(mm.thpDisabled === undefined ? {} : { thpDisabled: mm.thpDisabled }),
  ...(mm.mergeAny === undefined ? {} : { mergeAny: mm.mergeAny }),
});

function freshCounters(id: MmId, parent: MmStruct): Partial<MmStruct> {
  const { vmas, life, mmUsers, mmCount, totalVm, lockedVm, pinnedVm, dataVm, execVm, stackVm } = emptyMm(
    id,
    parent.layout,
  );
  const counters = { totalVm, lockedVm, pinnedVm, dataVm, execVm, stackVm };
  const defFlags = parent.defFlags & VM.NOHUGEPAGE;
  const known = { ...counters, defFlags, rings: undefined, ...inheritedFlags(parent) };
  return { id, vmas, life, mmUsers, mmCount, ...known };
}

/** anon_vma_fork: the child's VMA keeps the parent's chain and adds an anon_vma of its own. */
function inherited(child: MmEdit, vma: Vma): Vma {
  const own = vma.resv === 0 ? vma : vma.withResv(0);
  const unlocked = (vma.flags & VM_LOCKED_MASK) === 0 ? own : own.reflagged(vma.flags & ~VM_LOCKED_MASK);
  const wiped = (vma.flags & VM.WIPEONFORK) !== 0;
  if (wiped && child.env.traits.wipedIsTouched) return unlocked.withAnon(child.env.nextAnonVma(), 1);
  if (vma.anonVma === 0) return unlocked;
  if (wiped) return unlocked.withAnon(0, 0);
  return unlocked.withAnon(child.env.nextAnonVma(), vma.chain + 1);
}
