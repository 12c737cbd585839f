import type { MmId } from "@pagetrail/core";

/** Faults of one address space within which two of them can have been under way at once. */
const AT_ONCE = 16;

/** The last faults of address spaces: threads that need one page at the same moment all fault for it. */
export class Rivals {
  readonly #last = new Map<MmId, { readonly tid: number; readonly page: number }[]>();

  /** Takes note of a fault, and answers whether another thread has just had one at the same page. */
  another(mm: MmId, tid: number, page: number): boolean {
    let last = this.#last.get(mm);
    if (!last) {
      last = [];
      this.#last.set(mm, last);
    }
    const found = last.some((other) => other.page === page && other.tid !== tid);
    last.push({ tid, page });
    if (last.length > AT_ONCE) last.shift();
    return found;
  }

  /** The address space is gone. */
  forget(mm: MmId): void {
    this.#last.delete(mm);
  }
}
