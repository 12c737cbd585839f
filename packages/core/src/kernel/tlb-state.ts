import { assert, INIT_MM, type MmId, type Violation } from "../base/index.ts";
import { translationAt } from "../fault/index.ts";
import { type MmPages, MmuGather, type TlbFlushes } from "../mm/index.ts";
import {
  bootedCpu,
  type CpuTlb,
  type CpuTlbDraft,
  checkOutCpu,
  type FlushRequest,
  flushBatch,
  flushTlbMmRange,
  flushUnmapped,
  freezeCpu,
  initContext,
  type MmContext,
  type MmContextDraft,
  newContext,
  staleTlbLaw,
  type TlbMachine,
  tlbShape,
  tlbStateLaw,
  type UnmapBatch,
} from "../paging/index.ts";
import { Table } from "../struct/index.ts";
import type { Profile } from "./profile.ts";
import type { KernelState } from "./state.ts";

/** The TLBs of all CPUs at one moment. Never changed once it is part of a state. */
export interface TlbState {
  readonly cpus: Table<number, CpuTlb>;
  /** Of the address spaces that a CPU has loaded, or that were flushed; others are as new. */
  readonly contexts: Table<MmId, MmContext>;
}

/** The TLBs after boot; undefined where the profile has none. */
export function bootTlb({ tlb: model, scheduling }: Profile): TlbState | undefined {
  if (!model) return undefined;
  const cpus = Table.empty<number, CpuTlb>();
  for (let cpu = 0; cpu < scheduling.cpus; cpu++)
    cpus.set(cpu, freezeCpu(checkOutCpu(bootedCpu(cpu, tlbShape(model), initContext()))));
  return { cpus, contexts: Table.empty() };
}

/** The context of an address space; its number is its own for good, and so serves as ctx_id. */
const contextIn = (contexts: Table<MmId, MmContext>, mm: MmId): MmContext =>
  contexts.get(mm) ?? (mm === INIT_MM ? initContext() : newContext(mm, mm));

/** What the TLBs need of the transaction that they are checked out by. */
export interface TlbSurroundings {
  /** Numbers of the CPUs that are online, ascending. */
  online(): Iterable<number>;
  /** Whose pages these are; undefined for an address space that is none yet. */
  ownerOf(pages: MmPages): MmId | undefined;
}

/** The TLBs of all CPUs, checked out by one transaction. */
export class TlbDraft implements TlbMachine {
  readonly pcid: boolean;
  readonly gather: MmuGather;
  /** The CPU on which kernel code runs now: what it flushes it asks for from there. */
  acting = 0;
  readonly #cpus: Table<number, CpuTlb>;
  readonly #contexts: Table<MmId, MmContext>;
  readonly #checkedOut = new Map<number, CpuTlbDraft>();
  readonly #owned = new Map<MmId, MmContextDraft>();
  readonly #batch: UnmapBatch = new Set();

  constructor(
    base: TlbState,
    profile: Profile,
    private readonly around: TlbSurroundings,
  ) {
    this.pcid = profile.tlb?.pcid ?? true;
    this.#cpus = base.cpus.clone();
    this.#contexts = base.contexts.clone();
    this.gather = new MmuGather(this.#flushes());
  }

  #flushes(): TlbFlushes {
    const { around } = this;
    return {
      range: (pages: MmPages, request: Omit<FlushRequest, "mm">) => {
        const mm = around.ownerOf(pages);
        if (mm !== undefined) flushTlbMmRange(this, this.acting, { ...request, mm });
      },
      unmapped: (pages, page) => {
        const mm = around.ownerOf(pages);
        if (mm !== undefined) flushUnmapped(this, this.acting, mm, page, this.#batch);
      },
      batch: () => flushBatch(this, this.acting, this.#batch),
    };
  }

  cpus(): Iterable<number> {
    return this.around.online();
  }

  peekCpu(cpu: number): CpuTlb {
    const found = this.#checkedOut.get(cpu) ?? this.#cpus.get(cpu);
    assert(found, `CPU ${cpu}`);
    return found;
  }

  cpu(cpu: number): CpuTlbDraft {
    const mine = this.#checkedOut.get(cpu);
    if (mine) return mine;
    const copy = checkOutCpu(this.peekCpu(cpu));
    this.#checkedOut.set(cpu, copy);
    return copy;
  }

  peekContext(mm: MmId): MmContext {
    return this.#owned.get(mm) ?? contextIn(this.#contexts, mm);
  }

  context(mm: MmId): MmContextDraft {
    const mine = this.#owned.get(mm);
    if (mine) return mine;
    const copy = { ...this.peekContext(mm) };
    this.#owned.set(mm, copy);
    return copy;
  }

  /** An address space is freed: nobody will ask for its context again. */
  forget(mm: MmId): void {
    this.#owned.delete(mm);
    this.#contexts.delete(mm);
  }

  /** CPUs that this transaction has changed. */
  changed(): Iterable<CpuTlb> {
    return this.#checkedOut.values();
  }

  commit(): TlbState {
    for (const [cpu, draft] of this.#checkedOut) this.#cpus.set(cpu, freezeCpu(draft));
    for (const [mm, draft] of this.#owned) this.#contexts.set(mm, Object.freeze(draft));
    return { cpus: this.#cpus, contexts: this.#contexts };
  }
}

/** All that the TLBs hold as text, the same however it came about. */
export const cpuTlbText = ({ tlb, ...record }: CpuTlb): string => `${JSON.stringify(record)} ${tlb.text()}`;

/** The contexts of all address spaces there are. */
export function tlbContexts({ mms, tlb }: KernelState): readonly MmContext[] {
  return tlb ? [...mms.keys()].map((mm) => contextIn(tlb.contexts, mm)) : [];
}

/** No CPU holds what the page tables no longer say, and what is recorded of the TLBs fits together. */
export function* tlbLaw(state: KernelState): Iterable<Violation> {
  const { tlb, mms, cpus } = state;
  if (!tlb) return;
  const contexts = tlbContexts(state);
  yield* staleTlbLaw(tlb.cpus.values(), contexts, (mm, page) => {
    const pages = mms.get(mm)?.pages;
    return pages && translationAt(pages, page);
  });
  yield* tlbStateLaw(tlb.cpus.values(), contexts);
  for (const { cpu, loadedMm, isLazy } of tlb.cpus.values()) {
    const record = cpus.get(cpu);
    if (record?.loadedMm !== loadedMm || record.lazy !== isLazy)
      yield { law: "tlb", where: `CPU ${cpu}`, what: `has mm ${loadedMm} loaded, its record says otherwise` };
  }
  for (const mm of tlb.contexts.keys())
    if (!mms.has(mm)) yield { law: "tlb", where: `mm ${mm}`, what: "freed, but its context is kept" };
}
