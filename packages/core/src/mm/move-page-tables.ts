import { isPresent } from "../arch/index.ts";
import { HUGE_PAGES, splitHugePmd } from "./huge-pmd.ts";
import type { MmEdit } from "./mm-edit.ts";

/**
 * Moves the entries of `count` pages to another place, as mremap does: no page is copied, no counter changes.
 * Huge pages move whole where both places are aligned for them.
 *
 * @kernel move_page_tables, mm/mremap.c (6.18)
 */
export function movePageTables(edit: MmEdit, from: number, to: number, count: number): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return;
  const { table } = pages;
  const aligned = (to - from) % HUGE_PAGES === 0;
  table.visitOwned(from, from + count, {
    leaf(source, first, end, page) {
      for (let i = first; i < end; i++) {
        if (source.isEmpty(i)) continue;
        const target = to + (page + (i - first) - from);
        const into = table.make(0, target, memory.tables);
        into.set(table.index(0, target), source.words[2 * i] as number, source.words[2 * i + 1] as number);
        source.clear(i);
      }
    },
    large(above, i, page) {
      const whole = page >= from && page + HUGE_PAGES <= from + count;
      if (!aligned || !whole || !isPresent(above.words[2 * i] as number)) {
        splitHugePmd(memory, pages, above, i);
        return;
      }
      const target = to + (page - from);
      const into = table.make(above.level, target, memory.tables);
      const n = table.index(above.level, target);
      into.set(n, above.words[2 * i] as number, above.words[2 * i + 1] as number);
      into.tables[n] = above.tables[i];
      above.unlink(i);
    },
  });
}
