import { INIT_MM, type MmId } from "../base/index.ts";
import {
  bootedCpu,
  type CpuTlb,
  type CpuTlbDraft,
  checkOutCpu,
  enterLazyTlb,
  type FlushRequest,
  flushTlbMmRange,
  freezeCpu,
  initContext,
  type MmContext,
  type MmContextDraft,
  newContext,
  type Shootdown,
  type Switched,
  staleTlbLaw,
  switchMm,
  type TlbAccess,
  type TlbMachine,
  type TlbShape,
  type Translation,
  tlbAccess,
  tlbStateLaw,
} from "../paging/index.ts";

/** A present entry for one small page: its frame, and what it grants besides reading. */
export const small = (vpn: number, frame: number, flags = 0x7): Translation => ({
  vpn,
  pages: 1,
  lo: ((frame % 2 ** 20) * 4096 + flags) >>> 0,
  hi: Math.floor(frame / 2 ** 20),
});

/** CPUs with TLBs, and address spaces whose tables are plain maps of pages: for tests. */
export class TlbTestMachine implements TlbMachine {
  readonly tables = new Map<MmId, Map<number, Translation>>([[INIT_MM, new Map()]]);
  #cpus: readonly CpuTlb[];
  #contexts: ReadonlyMap<MmId, MmContext>;

  constructor(
    cpus: number,
    shape: TlbShape,
    mms: number,
    readonly pcid = true,
  ) {
    const init = initContext();
    this.#cpus = Array.from({ length: cpus }, (_, cpu) =>
      freezeCpu(checkOutCpu(bootedCpu(cpu, shape, init))),
    );
    const contexts = new Map<MmId, MmContext>([[INIT_MM, init]]);
    for (let mm = INIT_MM + 1; mm <= INIT_MM + mms; mm++) {
      contexts.set(mm as MmId, newContext(mm as MmId, mm));
      this.tables.set(mm as MmId, new Map());
    }
    this.#contexts = contexts;
  }

  cpus(): Iterable<number> {
    return this.#cpus.keys();
  }

  peekCpu(cpu: number): CpuTlb {
    const found = this.#cpus[cpu];
    if (!found) throw new Error(`CPU ${cpu}`);
    return found;
  }

  /** The committed record is frozen, so that a change to it, rather than to a copy, throws. */
  cpu(cpu: number): CpuTlbDraft {
    const found = this.peekCpu(cpu);
    if (!Object.isFrozen(found)) return found as CpuTlbDraft;
    const mine = checkOutCpu(found);
    this.#cpus = this.#cpus.with(cpu, mine);
    return mine;
  }

  peekContext(mm: MmId): MmContext {
    const found = this.#contexts.get(mm);
    if (!found) throw new Error(`mm ${mm}`);
    return found;
  }

  context(mm: MmId): MmContextDraft {
    const mine = { ...this.peekContext(mm) };
    this.#contexts = new Map(this.#contexts).set(mm, mine);
    return mine;
  }

  /** Freezes what was checked out, as a commit does, and answers what was there before and is now. */
  commit(): readonly CpuTlb[] {
    for (const cpu of this.#cpus) if (!Object.isFrozen(cpu)) freezeCpu(cpu as CpuTlbDraft);
    return this.#cpus;
  }

  run(cpu: number, mm: number): Switched {
    return switchMm(this, cpu, mm as MmId);
  }

  idle(cpu: number): void {
    enterLazyTlb(this, cpu);
  }

  touch(cpu: number, vpn: number): TlbAccess {
    return tlbAccess(this.cpu(cpu), vpn, (mm, page) => this.walk(mm, page));
  }

  map(mm: number, entry: Translation): void {
    this.tables.get(mm as MmId)?.set(entry.vpn, entry);
  }

  /** Takes pages out of an address space and asks for their flush, from a CPU. */
  unmap(cpu: number, mm: number, start: number, end: number, more: Partial<FlushRequest> = {}): Shootdown {
    for (let vpn = start; vpn < end; vpn++) this.tables.get(mm as MmId)?.delete(vpn);
    return flushTlbMmRange(this, cpu, { mm: mm as MmId, start, end, ...more });
  }

  walk(mm: MmId, vpn: number): Translation | undefined {
    const table = this.tables.get(mm);
    return table?.get(vpn) ?? [...(table?.values() ?? [])].find((e) => vpn >= e.vpn && vpn < e.vpn + e.pages);
  }

  violations(): readonly string[] {
    const contexts = [...this.#contexts.values()];
    const lookup = (mm: MmId, vpn: number): Translation | undefined => this.walk(mm, vpn);
    return [...staleTlbLaw(this.#cpus, contexts, lookup), ...tlbStateLaw(this.#cpus, contexts)].map(
      ({ where, what }) => `${where} ${what}`,
    );
  }
}
