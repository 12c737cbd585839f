/** One level of page tables; `bits` of the address choose the entry. */
export interface PagingLevel {
  readonly name: "pte" | "pmd" | "pud" | "p4d" | "pgd";
  readonly bits: number;
  /** An entry may map memory itself instead of naming a table: _PAGE_PSE. */
  readonly leaf: boolean;
}

/** How the hardware splits an address: the levels from the lowest up, and the format of their entries. */
export interface PagingMode {
  readonly name: "2-level" | "pae" | "4-level" | "5-level";
  readonly levels: readonly PagingLevel[];
  readonly entryBytes: 4 | 8;
  /** A dirty page that is made read-only keeps its dirtiness in a software bit: _PAGE_SAVED_DIRTY, 64-bit only. */
  readonly savedDirty: boolean;
}

const level = (name: PagingLevel["name"], bits: number, leaf = false): PagingLevel => ({ name, bits, leaf });

const LOWER = [level("pte", 9, true), level("pmd", 9, true), level("pud", 9, true)] as const;

export const FOUR_LEVEL: PagingMode = {
  name: "4-level",
  levels: [...LOWER, level("pgd", 9)],
  entryBytes: 8,
  savedDirty: true,
};

export const FIVE_LEVEL: PagingMode = {
  name: "5-level",
  levels: [...LOWER, level("p4d", 9), level("pgd", 9)],
  entryBytes: 8,
  savedDirty: true,
};

/** 32-bit with physical addresses of more than 32 bits: four entries at the top. */
export const PAE: PagingMode = {
  name: "pae",
  levels: [level("pte", 9, true), level("pmd", 9, true), level("pgd", 2)],
  entryBytes: 8,
  savedDirty: false,
};

/** 32-bit as the 80386 had it: 1,024 entries of four bytes. */
export const TWO_LEVEL: PagingMode = {
  name: "2-level",
  levels: [level("pte", 10, true), level("pgd", 10, true)],
  entryBytes: 4,
  savedDirty: false,
};

export const PAGING_MODES: Readonly<Record<PagingMode["name"], PagingMode>> = {
  "2-level": TWO_LEVEL,
  pae: PAE,
  "4-level": FOUR_LEVEL,
  "5-level": FIVE_LEVEL,
};

/** Pages that one entry of each level covers, the lowest level first. */
export function spansOf(mode: PagingMode): readonly number[] {
  let span = 1;
  return mode.levels.map(({ bits }) => {
    const mine = span;
    span *= 2 ** bits;
    return mine;
  });
}
