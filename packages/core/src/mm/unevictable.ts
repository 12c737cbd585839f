import { isPresent, isSpecialEntry, pfnOf } from "../arch/index.ts";
import type { Memory } from "./memory.ts";
import type { MmStruct } from "./mm-struct.ts";
import { isLocked } from "./vma.ts";

/**
 * Whether a locked mapping of any address space maps the page: it stays in memory, and counts neither as used
 * nor as given up.
 *
 * @param besides so many entries of locked mappings do not count
 * @kernel folio_test_unevictable, include/linux/page-flags.h (6.18), of which mlock_folio keeps the count
 */
export function isUnevictable(memory: Memory, pfn: number, besides = 0): boolean {
  let locked = 0;
  for (const mm of memory.spaces()) locked += lockedEntries(mm, pfn);
  return locked > besides;
}

/** Hardly any program locks memory: locked_vm says so without a look at its VMAs. */
function lockedEntries({ vmas, pages, lockedVm }: MmStruct, pfn: number): number {
  if (!pages || lockedVm === 0) return 0;
  let found = 0;
  for (const vma of vmas.items()) {
    if (!isLocked(vma)) continue;
    pages.table.visit(vma.start, vma.end, {
      leaf({ words }, from, to) {
        for (let i = from; i < to; i++) {
          const lo = words[2 * i] as number;
          if (isPresent(lo) && !isSpecialEntry(lo) && pfnOf(lo, words[2 * i + 1] as number) === pfn) found++;
        }
      },
    });
  }
  return found;
}
