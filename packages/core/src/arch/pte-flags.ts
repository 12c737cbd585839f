import { isProtNone, PTE, PTE_HI } from "./pte.ts";

const PKEY_SHIFT = 27;
const PKEY_MASK = 0xf;

const LOW: readonly (readonly [string, number])[] = [
  ["PRESENT", PTE.PRESENT],
  ["RW", PTE.RW],
  ["USER", PTE.USER],
  ["PWT", PTE.PWT],
  ["PCD", PTE.PCD],
  ["ACCESSED", PTE.ACCESSED],
  ["DIRTY", PTE.DIRTY],
];

const SOFTWARE: readonly (readonly [string, number])[] = [
  ["SPECIAL", PTE.SPECIAL],
  ["UFFD_WP", PTE.UFFD_WP],
  ["SOFT_DIRTY", PTE.SOFT_DIRTY],
];

/**
 * The names of what an entry's bits say, from the lowest bit up, without the _PAGE_ of arch/x86's
 * pgtable_types.h. Of an entry that is not present, PROTNONE aside, the bits mean something else: it has none.
 *
 * @param level of the entry's table, 0 for the lowest: there the bit of PSE is that of PAT
 */
export function entryFlags(lo: number, hi: number, level: number): readonly string[] {
  if ((lo & (PTE.PRESENT | PTE.PROTNONE)) === 0) return [];
  const named = (names: typeof LOW): string[] =>
    names.filter(([, bit]) => (lo & bit) !== 0).map(([name]) => name);
  const flags = named(LOW);
  if ((lo & PTE.PSE) !== 0) flags.push(level === 0 ? "PAT" : "PSE");
  if (isProtNone(lo)) flags.push("PROTNONE");
  else if ((lo & PTE.GLOBAL) !== 0) flags.push("GLOBAL");
  flags.push(...named(SOFTWARE));
  if ((hi & PTE_HI.SAVED_DIRTY) !== 0) flags.push("SAVED_DIRTY");
  const key = (hi >>> PKEY_SHIFT) & PKEY_MASK;
  if (key !== 0) flags.push(`PKEY${key}`);
  if ((hi & PTE_HI.NX) !== 0) flags.push("NX");
  return flags;
}
