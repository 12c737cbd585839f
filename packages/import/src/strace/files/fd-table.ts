import type { FileStore } from "./file-store.ts";
import type { OpenFile } from "./open-file.ts";

export type Slot = {
  readonly file: OpenFile;
  closeOnExec: boolean;
  /** The trace's line on which the descriptor came into use. */
  readonly line: number;
};

/** One table of descriptors, which threads share and `fork` copies. @kernel struct files_struct */
export class FdTable {
  /** How many tasks use this table. */
  users = 1;
  readonly #slots = new Map<number, Slot>();
  readonly #store: FileStore;

  constructor(store: FileStore) {
    this.#store = store;
  }

  slot(fd: number): Slot | undefined {
    return this.#slots.get(fd);
  }

  install(fd: number, slot: Slot): void {
    slot.file.descriptors++;
    this.remove(fd);
    this.#slots.set(fd, { ...slot });
  }

  remove(fd: number): void {
    const slot = this.#slots.get(fd);
    if (slot === undefined) return;
    this.#slots.delete(fd);
    slot.file.descriptors--;
    if (slot.file.descriptors === 0) this.#store.close(slot.file);
  }

  /** The descriptors from `first` to `last`, both included. */
  range(first: number, last: number): readonly (readonly [fd: number, slot: Slot])[] {
    return [...this.#slots].filter(([fd]) => fd >= first && fd <= last);
  }

  copy(): FdTable {
    const table = new FdTable(this.#store);
    for (const [fd, slot] of this.#slots) table.install(fd, slot);
    return table;
  }

  closeOnExec(): void {
    for (const [fd, slot] of [...this.#slots]) if (slot.closeOnExec) this.remove(fd);
  }

  /** One task less; with the last one everything is closed. */
  drop(): void {
    this.users--;
    if (this.users === 0) for (const fd of [...this.#slots.keys()]) this.remove(fd);
  }
}
