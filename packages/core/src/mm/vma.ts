import { assert, type FileId, type PageRange, pageRange, type Vpn } from "../base/index.ts";
import { VM, VM_SPECIAL, VMH } from "./vm-flags.ts";

/** vm_operations_struct as far as the model asks it: chosen by the kind of mapping. */
export interface VmOps {
  readonly name: string;
  /** A close hook: such a VMA can grow in a merge but not be swallowed by one. */
  readonly close: boolean;
  /** Pages that every boundary must be a multiple of; 0 refuses any split (may_split). */
  readonly splitPages: number;
  /** The name in maps of a VMA that no file names: [vdso]. */
  readonly label?: string;
}

const ops = (name: string, more: Partial<VmOps> = {}): VmOps => ({
  name,
  close: false,
  splitPages: 1,
  ...more,
});

export const VM_OPS = {
  anon: ops("anon"),
  file: ops("file"),
  shmem: ops("shmem"),
  shm: ops("shm", { close: true }),
  secret: ops("secret"),
  aio: ops("aio"),
  hugetlb: ops("hugetlb", { close: true, splitPages: 512 }),
  vvar: ops("vvar", { close: true, splitPages: 0, label: "[vvar]" }),
  vvarVclock: ops("vvarVclock", { close: true, splitPages: 0, label: "[vvar_vclock]" }),
  vdso: ops("vdso", { close: true, splitPages: 0, label: "[vdso]" }),
} as const satisfies Record<string, VmOps>;

/** No memory policy of its own: MPOL_DEFAULT. */
export const NO_POLICY = "";

/**
 * vm_area_struct: pages [start, end) with one set of attributes. Never changed once made; an edit puts
 * another in its place.
 */
export class Vma implements PageRange {
  constructor(
    readonly start: Vpn,
    readonly end: Vpn,
    readonly flags: number,
    readonly high: number,
    /** Page offset in the file; for private anonymous memory the page number where it was made. */
    readonly pgoff: number,
    readonly file: FileId,
    readonly ops: VmOps,
    /** The anon_vma, a number that names it; 0 until the first write fault. */
    readonly anonVma: number,
    /** Length of the anon_vma chain: above 1 the VMA was inherited through fork. */
    readonly chain: number,
    /** vm_policy: the memory policy that mbind gave it, as text that is equal for equal ones; empty for none. */
    readonly policy: string = NO_POLICY,
    /**
     * vm_private_data of private huge pages: which reservations the mapping owns, 0 for none. One that a child got
     * by fork has none.
     */
    readonly resv: number = 0,
  ) {
    assert(start < end, "a VMA has pages");
  }

  /** The part [start, end) of this VMA, or its extension: pgoff moves with the start. */
  resized(start: number, end: number): Vma {
    return this.part(start, end, this.flags, this.high);
  }

  /** The same with other flags. */
  part(start: number, end: number, flags: number, high: number): Vma {
    return this.#copy(start, end, this.pgoff + (start - this.start), flags, high);
  }

  reflagged(flags: number, high: number = this.high): Vma {
    return this.#copy(this.start, this.end, this.pgoff, flags, high);
  }

  withAnon(anonVma: number, chain: number): Vma {
    return this.#copy(this.start, this.end, this.pgoff, this.flags, this.high, anonVma, chain);
  }

  withPolicy(policy: string): Vma {
    const { start, end, pgoff, flags, high, anonVma, chain } = this;
    return this.#copy(start, end, pgoff, flags, high, anonVma, chain, policy);
  }

  withResv(resv: number): Vma {
    const { start, end, pgoff, flags, high, anonVma, chain, policy } = this;
    return this.#copy(start, end, pgoff, flags, high, anonVma, chain, policy, resv);
  }

  /** The same mapping at another place and offset, as copy_vma makes it. */
  movedTo(range: PageRange, pgoff: number): Vma {
    return this.#copy(range.start, range.end, pgoff, this.flags, this.high);
  }

  #copy(
    start: number,
    end: number,
    pgoff: number,
    flags: number,
    high: number,
    anonVma = this.anonVma,
    chain = this.chain,
    policy = this.policy,
    resv = this.resv,
  ): Vma {
    const { file, ops } = this;
    return new Vma(start as Vpn, end as Vpn, flags, high, pgoff, file, ops, anonVma, chain, policy, resv);
  }

  get pages(): number {
    return this.end - this.start;
  }

  get range(): PageRange {
    return pageRange(this.start, this.end);
  }
}

/** Whether two VMAs cannot be told apart. */
export const sameVma = (a: Vma, b: Vma): boolean =>
  a === b ||
  (a.start === b.start &&
    a.end === b.end &&
    a.flags === b.flags &&
    a.high === b.high &&
    a.pgoff === b.pgoff &&
    a.file === b.file &&
    a.ops === b.ops &&
    a.anonVma === b.anonVma &&
    a.chain === b.chain &&
    a.policy === b.policy &&
    a.resv === b.resv);

/** vma_is_anonymous: no vm_ops. A private mapping of /dev/zero is one although it keeps its file. */
export const isAnonymous = (v: Vma): boolean => v.ops === VM_OPS.anon;
export const isForkChild = (v: Vma): boolean => v.chain > 1;
export const isSpecial = (v: Vma): boolean => (v.flags & VM_SPECIAL) !== 0;
export const isAccessible = (v: Vma): boolean => (v.flags & (VM.READ | VM.WRITE | VM.EXEC)) !== 0;

/** First page that must stay free below a mapping that grows down: vm_start_gap. */
export const startGap = (v: Vma, guardPages: number): number =>
  (v.flags & VM.GROWSDOWN) !== 0 ? Math.max(0, v.start - guardPages) : v.start;

/** Which counter of mm_struct a VMA's pages belong to besides total_vm: vm_stat_account. */
export function statOf(flags: number): "exec" | "stack" | "data" | "none" {
  if ((flags & (VM.EXEC | VM.WRITE | VM.GROWSDOWN)) === VM.EXEC) return "exec";
  if ((flags & VM.GROWSDOWN) !== 0) return "stack";
  return (flags & (VM.WRITE | VM.SHARED)) === VM.WRITE ? "data" : "none";
}

/** Memory that mlock keeps in: its pages are unevictable. */
export const isLocked = (v: Vma): boolean => (v.flags & VM.LOCKED) !== 0;

/** Memory that holds no lock: one that it is made with is taken off again. */
export const neverLocked = (v: Vma): boolean =>
  isSpecial(v) || (v.flags & VM.HUGETLB) !== 0 || (v.high & VMH.DROPPABLE) !== 0;
