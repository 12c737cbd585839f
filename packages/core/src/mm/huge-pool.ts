import type { FileId } from "../base/index.ts";
import { addRegion, countRegion, deleteRegion, type Regions } from "./regions.ts";
import { VM } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/** In `Vma.resv`: the owner's write took this mapping's page, and no fault brings it one: HPAGE_RESV_UNMAPPED. */
export const RESV_UNMAPPED = -1;

/** The pool between two requests. What reservations need is absent while there never were any. */
export interface HugePoolState {
  readonly total: number;
  /** Free pages, by their first frame. */
  readonly free: readonly number[];
  /** resv_huge_pages: below zero where the kernel's count wraps. */
  readonly reserved?: number;
  /** The number of the next private mapping that reserves. */
  readonly nextMap?: number;
  /** By file: pages that are reserved for its shared mappings, or were brought in for them. */
  readonly files?: Readonly<Record<number, Regions>>;
  /** By private mapping that reserved: pages whose reservation is used up. */
  readonly owners?: Readonly<Record<number, Regions>>;
}

/**
 * The hugetlb pool of 2 MiB pages (struct hstate): its free pages, and for whom they are reserved. Pages are
 * counted in huge ones; there are no surplus pages (nr_overcommit_hugepages is 0).
 *
 * @kernel mm/hugetlb.c (6.18)
 */
export class HugePool {
  readonly total: number;
  readonly free: number[];
  reserved: number;
  #nextMap: number;
  readonly #files: Record<number, Regions>;
  readonly #owners: Record<number, Regions>;

  constructor({ total, free, reserved = 0, nextMap = 1, files, owners }: HugePoolState) {
    this.total = total;
    this.free = [...free];
    this.reserved = reserved;
    this.#nextMap = nextMap;
    this.#files = { ...files };
    this.#owners = { ...owners };
  }

  get state(): HugePoolState {
    const { total, free, reserved } = this;
    return {
      total,
      free,
      ...(reserved !== 0 && { reserved }),
      ...(this.#nextMap > 1 && { nextMap: this.#nextMap }),
      ...(Object.keys(this.#files).length > 0 && { files: this.#files }),
      ...(Object.keys(this.#owners).length > 0 && { owners: this.#owners }),
    };
  }

  /** Free pages that are nobody's: available_huge_pages. */
  get available(): number {
    return this.free.length - this.reserved;
  }

  /** What a shared mapping of pages [from, to) of a file has yet to reserve. */
  missing(mapping: FileId, from: number, to: number): number {
    return to - from - countRegion(this.#files[mapping], from, to);
  }

  /** Reserves what `missing` says, which is available. */
  reserveShared(mapping: FileId, from: number, to: number): void {
    this.reserved += this.missing(mapping, from, to);
    this.#files[mapping] = addRegion(this.#files[mapping], from, to);
  }

  /** Reserves pages, which are available, for one private mapping, and names it. */
  reservePrivate(count: number): number {
    this.reserved += count;
    return this.#nextMap++;
  }

  /**
   * Takes a page out of the pool for page `index` of a mapping's file: the one reserved for it, or one that is
   * nobody's. Undefined when there is none.
   *
   * @param enforced a copy for the owner of reservations, which uses none of them
   * @kernel alloc_hugetlb_folio, dequeue_hugetlb_folio_vma, mm/hugetlb.c (6.18)
   */
  take(vma: Vma, mapping: FileId, index: number, enforced = false): number | undefined {
    const reserved = !enforced && this.#hasReservation(vma, mapping, index);
    if (!reserved && this.available <= 0) return undefined;
    const head = this.free.pop();
    if (head === undefined) return undefined;
    if (reserved) this.reserved--;
    if (!enforced) this.#commit(vma, mapping, index);
    return head;
  }

  /**
   * Gives the reservation of a page back to the mapping that owns it.
   *
   * @kernel __unmap_hugepage_range, vma_add_reservation, mm/hugetlb.c (6.18)
   */
  restore(owner: number, index: number): void {
    this.#setOwner(owner, deleteRegion(this.#owners[owner], index, index + 1));
  }

  /** A private mapping of pages [from, to) goes, with the reservations it has not used: hugetlb_vm_op_close. */
  close(owner: number, from: number, to: number): void {
    const used = this.#owners[owner];
    this.reserved -= to - from - countRegion(used, from, to);
    this.#setOwner(owner, deleteRegion(used, from, to));
  }

  /** A file's page went for a hole: its next page is reserved by nobody. */
  forget(mapping: FileId, index: number): void {
    this.#setFile(mapping, deleteRegion(this.#files[mapping], index, index + 1));
  }

  /**
   * The file ends at page `from`; `freed` pages behind it were in the page cache.
   *
   * @kernel hugetlb_unreserve_pages, mm/hugetlb.c (6.18)
   */
  unreserve(mapping: FileId, from: number, freed: number): void {
    const known = this.#files[mapping];
    if (!known) return;
    this.reserved -= countRegion(known, from, Number.POSITIVE_INFINITY) - freed;
    this.#setFile(mapping, deleteRegion(known, from, Number.POSITIVE_INFINITY));
  }

  /** vma_needs_reservation, the other way round. */
  #hasReservation({ flags, resv }: Vma, mapping: FileId, index: number): boolean {
    if ((flags & VM.MAYSHARE) !== 0) return countRegion(this.#files[mapping], index, index + 1) > 0;
    return resv > 0 && countRegion(this.#owners[resv], index, index + 1) === 0;
  }

  /** vma_commit_reservation. */
  #commit({ flags, resv }: Vma, mapping: FileId, index: number): void {
    if ((flags & VM.MAYSHARE) !== 0) this.#files[mapping] = addRegion(this.#files[mapping], index, index + 1);
    else if (resv > 0) this.#owners[resv] = addRegion(this.#owners[resv], index, index + 1);
  }

  #setOwner(owner: number, regions: Regions): void {
    if (regions.length === 0) delete this.#owners[owner];
    else this.#owners[owner] = regions;
  }

  #setFile(mapping: FileId, regions: Regions): void {
    if (regions.length === 0) delete this.#files[mapping];
    else this.#files[mapping] = regions;
  }
}
