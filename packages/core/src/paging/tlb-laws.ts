import { INIT_MM, type MmId, type Violation } from "../base/index.ts";
import type { TlbEntry, Translation } from "./tlb.ts";
import type { CpuTlb, MmContext } from "./tlb-state.ts";

/** Bits of an entry that decide what it grants; NX is the highest bit of the high word. */
const PRESENT = 0x1;
const WRITE = 0x2;
const USER = 0x4;
/** Set without a walk, a page that is used or written to would not be known as such. */
const ACCESSED = 0x20;
const DIRTY = 0x40;
const NX = 0x80000000;

/** The page frame that one page of a translation leads to: bits 12 to 51, down to the size of the entry. */
function frameOf({ lo, hi, vpn, pages }: Translation, page: number): number {
  const first = Math.floor(lo / 4096) + (hi & 0xfffff) * 2 ** 20;
  return first - (first % pages) + (page - vpn);
}

/** Whether the tables grant all that a cached translation does, for one page of it. */
function grantedBy(table: Translation | undefined, cached: TlbEntry, page: number): boolean {
  if (!table || (table.lo & PRESENT) === 0) return false;
  if (frameOf(table, page) !== frameOf(cached, page)) return false;
  if ((cached.lo & ~table.lo & (WRITE | USER | ACCESSED | DIRTY)) !== 0) return false;
  return (table.hi & ~cached.hi & NX) === 0;
}

/** What the tables of an address space say of a page; undefined where nothing is present. */
export type TableLookup = (mm: MmId, vpn: number) => Translation | undefined;

/**
 * No CPU holds a translation that the tables no longer grant. Entries that it could not use without flushing
 * first do not count: those of an ASID that stands for nobody, or that has missed a flush.
 *
 * @param lookup also asked about INIT_MM, for global entries
 */
export function* staleTlbLaw(
  cpus: Iterable<CpuTlb>,
  contexts: Iterable<MmContext>,
  lookup: TableLookup,
): Iterable<Violation> {
  const byId = new Map([...contexts].map((context) => [context.ctxId, context]));
  for (const cpu of cpus) {
    for (const entry of cpu.tlb.entries()) {
      const mm = entry.global ? INIT_MM : usableIn(cpu, entry.asid, byId);
      if (mm === undefined) continue;
      const stale = stalePage(entry, mm, lookup);
      if (stale === undefined) continue;
      const what = `keeps page 0x${stale.toString(16)} of mm ${mm}, which the tables do not grant`;
      yield { law: "tlb", where: `CPU ${cpu.cpu}`, what };
    }
  }
}

/** The address space whose translations an ASID holds, unless it would be flushed before it is used again. */
function usableIn(cpu: CpuTlb, asid: number, byId: ReadonlyMap<number, MmContext>): MmId | undefined {
  const slot = cpu.ctxs[asid];
  const context = slot && byId.get(slot.ctxId);
  return context && slot.tlbGen === context.tlbGen ? context.mm : undefined;
}

function stalePage(entry: TlbEntry, mm: MmId, lookup: TableLookup): number | undefined {
  let page = entry.vpn;
  while (page < entry.vpn + entry.pages) {
    const table = lookup(mm, page);
    if (!grantedBy(table, entry, page)) return page;
    page = table ? table.vpn + table.pages : page + 1;
  }
  return undefined;
}

/**
 * The kernel's records fit together: the loaded address space has the loaded ASID and the CPU in its mask, a CPU
 * that runs user code has seen every flush, none has seen one that was not asked for, and no TLB is too full.
 */
export function* tlbStateLaw(cpus: Iterable<CpuTlb>, contexts: Iterable<MmContext>): Iterable<Violation> {
  const known = [...contexts];
  for (const cpu of cpus) {
    const broken = (what: string): Violation => ({ law: "tlb", where: `CPU ${cpu.cpu}`, what });
    const loaded = known.find(({ mm }) => mm === cpu.loadedMm);
    const slot = cpu.ctxs[cpu.loadedAsid];
    if (!loaded || slot?.ctxId !== loaded.ctxId)
      yield broken(`ASID ${cpu.loadedAsid} does not stand for mm ${cpu.loadedMm}, which is loaded`);
    else if (cpu.loadedMm !== INIT_MM) {
      if (!loaded.cpumask.includes(cpu.cpu)) yield broken(`is missing in the mask of mm ${loaded.mm}`);
      if (!cpu.isLazy && slot.tlbGen !== loaded.tlbGen)
        yield broken(`has seen flush ${slot.tlbGen} of ${loaded.tlbGen} of mm ${loaded.mm}`);
    }
    for (const { ctxId, tlbGen } of cpu.ctxs) {
      const context = known.find((c) => c.ctxId === ctxId);
      if (context && tlbGen > context.tlbGen) yield broken(`is ahead of mm ${context.mm}`);
    }
    if (cpu.tlb.size > cpu.tlb.shape.entries) yield broken(`holds ${cpu.tlb.size} translations`);
  }
}
