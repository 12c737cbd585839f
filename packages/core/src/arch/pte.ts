/**
 * Page-table entries as the hardware and the kernel write them, arch/x86/include/asm/pgtable_types.h (6.18): an
 * entry is two 32-bit words, `lo` and `hi`; on two-level 32-bit tables `hi` is 0. Words are unsigned.
 */

/** Bits of the low word. */
export const PTE = {
  PRESENT: 0x1,
  RW: 0x2,
  USER: 0x4,
  PWT: 0x8,
  PCD: 0x10,
  ACCESSED: 0x20,
  DIRTY: 0x40,
  /** In a table above the lowest: the entry maps memory itself. */
  PSE: 0x80,
  /** In an entry that is not present to the hardware: mapped, but without any access (_PAGE_PROTNONE). */
  PROTNONE: 0x100,
  GLOBAL: 0x100,
  /** _PAGE_SPECIAL: no struct page is counted behind it: the zero page, and frames of devices. */
  SPECIAL: 0x200,
  UFFD_WP: 0x400,
  SOFT_DIRTY: 0x800,
} as const;

/** Bits of the high word. */
export const PTE_HI = { SAVED_DIRTY: 1 << 26, NX: 0x80000000 } as const;

/** An entry that names a table: _KERNPG_TABLE | _PAGE_USER. */
export const TABLE_BITS = PTE.PRESENT | PTE.RW | PTE.USER | PTE.ACCESSED | PTE.DIRTY;

const PFN_LOW = 2 ** 20;
const FRAME_MASK = 0xfffff000;
const FRAME_MASK_HI = 0x000fffff;

/** pte_present: mapped, with or without access. */
export const isPresent = (lo: number): boolean => (lo & (PTE.PRESENT | PTE.PROTNONE)) !== 0;
/** Mapped, but no access is granted: the hardware faults, and the frame's bits are stored inverted. */
export const isProtNone = (lo: number): boolean => (lo & (PTE.PRESENT | PTE.PROTNONE)) === PTE.PROTNONE;
export const isWritable = (lo: number): boolean => (lo & PTE.RW) !== 0;
export const isYoung = (lo: number): boolean => (lo & PTE.ACCESSED) !== 0;
export const isDirty = (lo: number, hi: number): boolean =>
  (lo & PTE.DIRTY) !== 0 || (hi & PTE_HI.SAVED_DIRTY) !== 0;
export const isSpecialEntry = (lo: number): boolean => (lo & PTE.SPECIAL) !== 0;
export const isLarge = (lo: number): boolean => (lo & PTE.PSE) !== 0;

/** Low word of an entry for a frame; an entry without access has the frame inverted against L1TF. */
export function loOf(pfn: number, bits: number): number {
  const frame = ((pfn % PFN_LOW) << 12) >>> 0;
  return (((isProtNone(bits) ? ~frame & FRAME_MASK : frame) | bits) >>> 0) as number;
}

/** High word of an entry for a frame. */
export function hiOf(pfn: number, loBits: number, hiBits: number): number {
  const frame = Math.floor(pfn / PFN_LOW);
  return ((isProtNone(loBits) ? ~frame & FRAME_MASK_HI : frame) | hiBits) >>> 0;
}

/** The frame that a mapped entry names. */
export function pfnOf(lo: number, hi: number): number {
  const inverted = isProtNone(lo);
  const low = ((inverted ? ~lo : lo) & FRAME_MASK) >>> 12;
  const high = (inverted ? ~hi : hi) & FRAME_MASK_HI;
  return high * PFN_LOW + low;
}

/**
 * What access an entry grants, as pgprot: the bits of its low and high word. Memory that may be written to is
 * not writable here when the first write has to fault: private memory, and files that are told of writes.
 *
 * @kernel protection_map, arch/x86/mm/pgprot.c (6.18)
 */
export interface PageProtection {
  readonly lo: number;
  readonly hi: number;
}

const protection = (access: boolean, write: boolean, exec: boolean, nx: boolean): PageProtection => ({
  lo: access ? PTE.PRESENT | PTE.USER | PTE.ACCESSED | (write ? PTE.RW : 0) : PTE.PROTNONE | PTE.ACCESSED,
  hi: exec || !nx ? 0 : access ? PTE_HI.NX >>> 0 : 0,
});

const PROTECTIONS: readonly PageProtection[] = Array.from({ length: 16 }, (_, i) =>
  protection((i & 1) !== 0, (i & 2) !== 0, (i & 4) !== 0, (i & 8) !== 0),
);

/** The protection for an access; `nx` is whether the entries have such a bit. */
export const protectionOf = (access: boolean, write: boolean, exec: boolean, nx: boolean): PageProtection =>
  PROTECTIONS[(access ? 1 : 0) + (write ? 2 : 0) + (exec ? 4 : 0) + (nx ? 8 : 0)] as PageProtection;

/** Entries stand in words two by two, low then high; `at` is the index of the low word. */
type Words = Uint32Array;

/** Takes write access away; a dirty page stays dirty. */
export function wrprotect(words: Words, at: number, savedDirty: boolean): void {
  const lo = words[at] as number;
  if (savedDirty && (lo & PTE.DIRTY) !== 0) {
    words[at] = lo & ~(PTE.RW | PTE.DIRTY);
    words[at + 1] = (words[at + 1] as number) | PTE_HI.SAVED_DIRTY;
  } else words[at] = lo & ~PTE.RW;
}

/** Grants write access. */
export function mkwrite(words: Words, at: number): void {
  const hi = words[at + 1] as number;
  let lo = (words[at] as number) | PTE.RW;
  if ((hi & PTE_HI.SAVED_DIRTY) !== 0) {
    lo |= PTE.DIRTY;
    words[at + 1] = hi & ~PTE_HI.SAVED_DIRTY;
  }
  words[at] = lo;
}

export function mkdirty(words: Words, at: number, savedDirty: boolean): void {
  const lo = words[at] as number;
  if (savedDirty && (lo & PTE.RW) === 0) words[at + 1] = (words[at + 1] as number) | PTE_HI.SAVED_DIRTY;
  else words[at] = lo | PTE.DIRTY;
}

export function mkclean(words: Words, at: number): void {
  words[at] = (words[at] as number) & ~PTE.DIRTY;
  words[at + 1] = (words[at + 1] as number) & ~PTE_HI.SAVED_DIRTY;
}

export function mkold(words: Words, at: number): void {
  words[at] = (words[at] as number) & ~PTE.ACCESSED;
}

export function mkyoung(words: Words, at: number): void {
  words[at] = (words[at] as number) | PTE.ACCESSED;
}

/** Bits whose loss, and bits whose change, TLBs must be told of; of the latter the hardware's own that are modelled. */
const FLUSH_ON_CLEAR = PTE.DIRTY | PTE.PRESENT;
const FLUSH_ON_CHANGE = PTE.RW | PTE.USER | PTE.PWT | PTE.PCD | PTE.PSE | PTE.GLOBAL;

/**
 * Whether TLBs may hold something of the old entry that the new one does not say. What only the accessed bit tells
 * is nothing of the kind.
 *
 * @kernel pte_needs_flush, arch/x86/include/asm/tlbflush.h (6.18)
 */
export function needsFlush(oldLo: number, oldHi: number, lo: number, hi: number): boolean {
  if ((oldLo & PTE.PRESENT) === 0) return false;
  if (pfnOf(oldLo, oldHi) !== pfnOf(lo, hi)) return true;
  const changed = oldLo ^ lo;
  if ((changed & oldLo & FLUSH_ON_CLEAR) !== 0 || (changed & FLUSH_ON_CHANGE) !== 0) return true;
  return ((oldHi ^ hi) & PTE_HI.NX) !== 0;
}

/** What a change of protection leaves of the low word: _PAGE_CHG_MASK without the frame. */
const KEPT = PTE.PWT | PTE.PCD | PTE.ACCESSED | PTE.DIRTY | PTE.SPECIAL | PTE.UFFD_WP | PTE.SOFT_DIRTY;

/**
 * Gives a mapped entry another protection; the frame, accessed and dirty stay.
 *
 * @param large the entry maps memory above the lowest level
 * @kernel pte_modify, arch/x86/include/asm/pgtable.h (6.18)
 */
export function modify(
  words: Words,
  at: number,
  to: PageProtection,
  savedDirty: boolean,
  large = false,
): void {
  const [lo, hi] = [words[at] as number, words[at + 1] as number];
  const pfn = pfnOf(lo, hi);
  const bits = (lo & KEPT) | (to.lo & ~PTE.ACCESSED) | (large ? PTE.PSE : 0);
  words[at] = loOf(pfn, bits);
  words[at + 1] = hiOf(pfn, bits, (hi & PTE_HI.SAVED_DIRTY) | to.hi);
  if (!savedDirty) return;
  if ((bits & PTE.RW) !== 0) mkwrite(words, at);
  else wrprotect(words, at, true);
}

/**
 * Entries that are not present hold what the kernel keeps for later: a slot of swap, or a marker. Type and
 * offset stand as in __swp_entry: the type in the highest five bits, the offset inverted below it.
 *
 * @kernel __swp_entry, arch/x86/include/asm/pgtable_64.h (6.18)
 */
export const SWAP_TYPE = { AREA: 0, MARKER: 31 } as const;

/** A guard region's marker: PTE_MARKER_GUARD. */
export const MARKER_GUARD = 4;

/** In a swap entry: the page belongs to this address space alone (_PAGE_SWP_EXCLUSIVE). */
export const SWAP_EXCLUSIVE = 0x8;

/** The offset's lowest bit, right above that of PROTNONE: SWP_OFFSET_FIRST_BIT. */
const SWAP_OFFSET_SHIFT = 9;
const SWAP_OFFSET_LOW = 2 ** (32 - SWAP_OFFSET_SHIFT);
const SWAP_TYPE_SHIFT = 27;
/** Bits of the high word below the type, which the offset's upper part fills. */
const SWAP_HIGH = 2 ** SWAP_TYPE_SHIFT - 1;

/** Low word of a swap entry; the offset is below 2^50. */
export const swapLo = (offset: number, bits = 0): number =>
  ((~((offset % SWAP_OFFSET_LOW) << SWAP_OFFSET_SHIFT) & ~(2 ** SWAP_OFFSET_SHIFT - 1)) | bits) >>> 0;

export const swapHi = (type: number, offset: number): number =>
  ((type << SWAP_TYPE_SHIFT) | (~Math.floor(offset / SWAP_OFFSET_LOW) & SWAP_HIGH)) >>> 0;

export const swapType = (hi: number): number => hi >>> SWAP_TYPE_SHIFT;

export const swapOffset = (lo: number, hi: number): number =>
  (~hi & SWAP_HIGH) * SWAP_OFFSET_LOW + (~lo >>> SWAP_OFFSET_SHIFT);

/** An entry that is a marker rather than a page in swap. */
export const isGuard = (lo: number, hi: number): boolean =>
  !isPresent(lo) && hi !== 0 && swapType(hi) === SWAP_TYPE.MARKER && swapOffset(lo, hi) === MARKER_GUARD;

export const isSwapEntry = (lo: number, hi: number): boolean =>
  !isPresent(lo) && (lo !== 0 || hi !== 0) && swapType(hi) !== SWAP_TYPE.MARKER;
