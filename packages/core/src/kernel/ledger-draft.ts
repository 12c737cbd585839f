import { FIRST_NAMED, type Ref } from "../process/index.ts";
import type { Table } from "../struct/index.ts";

/** The ledger's table as a transaction has it, and its own copy to write to. */
export interface LedgerTable {
  peek(): Table<number, Ref>;
  own(): Table<number, Ref>;
}

/**
 * The ledger of who holds which address space, checked out by one transaction. A CPU borrows and gives back many times
 * over: only what is left of that goes into the table.
 */
export class LedgerDraft {
  /** Lines that came, changed or, where undefined, went. */
  readonly #edits = new Map<number, Ref | undefined>();

  constructor(private readonly table: LedgerTable) {}

  peek(key: number): Ref | undefined {
    return this.#edits.has(key) ? this.#edits.get(key) : this.table.peek().get(key);
  }

  set(key: number, ref: Ref | undefined): void {
    this.#edits.set(key, ref && Object.freeze(ref));
  }

  named(): readonly Ref[] {
    this.settle();
    return this.table.peek().range(FIRST_NAMED, Number.POSITIVE_INFINITY);
  }

  /** The highest key; -1 where there is none. */
  last(): number {
    this.settle();
    return this.table.peek().last() ?? -1;
  }

  settle(): void {
    if (this.#edits.size === 0) return;
    const refs = this.table.own();
    for (const [key, ref] of this.#edits) {
      if (ref) refs.set(key, ref);
      else refs.delete(key);
    }
    this.#edits.clear();
  }
}
