import { type Layout, LOW_LIMIT, PMD_PAGES, STACK_GUARD_GAP } from "../arch/index.ts";
import { ok, pageOf, type Result, refuse, type Vpn } from "../base/index.ts";
import { type MmEdit, taskPages } from "./mm-edit.ts";
import type { MmStruct } from "./mm-struct.ts";
import { MAP } from "./mman.ts";
import type { OpenFile } from "./open-file.ts";
import { startGap } from "./vma.ts";

/** A mapping that looks for its place. Pages throughout; `hint` 0 is none. */
export interface Wanted {
  readonly pages: number;
  readonly hint: number;
  readonly flags: number;
  readonly pgoff: number;
  readonly file: OpenFile | undefined;
}

const noRoom = (pages: number): Result<Vpn> => refuse("ENOMEM", `no free range of ${pages} pages`);

/**
 * Chooses where a mapping goes when the caller does not fix it.
 *
 * @refuses ENOMEM when no gap is long enough
 * @kernel __get_unmapped_area, mm/mmap.c; arch_get_unmapped_area(_topdown), arch/x86/kernel/sys_x86_64.c (6.18)
 */
export function getUnmappedArea(edit: MmEdit, want: Wanted): Result<Vpn> {
  if (want.pages > taskPages(edit.mm)) return refuse("ENOMEM", "longer than the address space");
  const { file } = want;
  if (file?.kind === "hugetlb") return hugetlbSearch(edit, want, file.hugePages ?? PMD_PAGES);
  if (!edit.mm.layout.thpAligned) return plainSearch(edit, want, 1);
  const anonymous = file === undefined && (want.flags & MAP.SHARED) === 0;
  if (anonymous && want.hint === 0 && want.pages % PMD_PAGES === 0) return thpSearch(edit, want, 0);
  const privateZero = file?.kind === "zero" && (want.flags & MAP.SHARED) === 0;
  if (file?.kind === "disk" || privateZero) return thpSearch(edit, want, want.pgoff);
  return plainSearch(edit, want, 1);
}

/** hugetlb_get_unmapped_area, fs/hugetlbfs/inode.c (6.18): a hint is rounded up to whole huge pages. */
const hugetlbSearch = (edit: MmEdit, want: Wanted, size: number): Result<Vpn> =>
  plainSearch(edit, { ...want, hint: Math.ceil(want.hint / size) * size }, size);

/** Page of a file at which a signed offset in bytes turns negative. */
const OFFSET_WRAP = 2 ** 51;

/**
 * thp_get_unmapped_area_vmflags, mm/huge_memory.c (6.18): the same offset within 2 MiB as the file's, if whole
 * 2 MiB of it are mapped. Just below the largest offset the kernel's sum wraps, and it thinks so.
 */
function thpSearch(edit: MmEdit, want: Wanted, pgoff: number): Result<Vpn> {
  const aligned = Math.ceil(pgoff / PMD_PAGES) * PMD_PAGES;
  const wraps = pgoff + want.pages < OFFSET_WRAP && aligned >= OFFSET_WRAP;
  if (!wraps && pgoff + want.pages - aligned < PMD_PAGES) return plainSearch(edit, want, 1);
  const padded = plainSearch(edit, { ...want, pages: want.pages + PMD_PAGES }, 1);
  if (!padded.ok) return plainSearch(edit, want, 1);
  if (padded.value === want.hint) return padded;
  const shift = (((pgoff - padded.value) % PMD_PAGES) + PMD_PAGES) % PMD_PAGES;
  const topDown = !edit.mm.bottomUp;
  return ok((padded.value + (shift === 0 && topDown ? PMD_PAGES : shift)) as Vpn);
}

/** mmap_address_hint_valid: a range lies wholly below the window or wholly above it. */
const crossesWindow = (mm: MmStruct, hint: number, pages: number): boolean => {
  const window = pageOf(mm.layout.window);
  return hint > window !== hint + pages > window;
};

/** Whether the hint's range is free, with the guard gap of a stack above it: the hint rule of every search. */
function hintFits(edit: MmEdit, hint: number, pages: number, end: number): boolean {
  if (hint === 0 || end - pages < hint) return false;
  const next = edit.findVma(hint);
  return next === undefined || startGap(next, STACK_GUARD_GAP) >= hint + pages;
}

function plainSearch(edit: MmEdit, want: Wanted, align: number): Result<Vpn> {
  const { mm } = edit;
  if (mm.bottomUp || map32(edit, want)) return bottomUp(edit, want, align);
  const fits = hintFits(edit, want.hint, want.pages, taskPages(mm));
  if (fits && !crossesWindow(mm, want.hint, want.pages)) return ok(want.hint as Vpn);
  const above4G = (want.flags & MAP.ABOVE4G) !== 0 && mm.layout.bits === 64;
  const low = above4G ? pageOf(2 ** 32) : LOW_LIMIT;
  let high = mm.mmapBase + beyondWindow(mm, want.hint);
  for (;;) {
    const gap = mm.vmas.highestGap(want.pages + align - 1, low, high);
    if (!gap) return bottomUp(edit, want, align);
    const at = Math.floor((gap.end - want.pages) / align) * align;
    const next = edit.findVma(gap.end);
    if (!next || startGap(next, STACK_GUARD_GAP) >= gap.end) return ok(at as Vpn);
    high = startGap(next, STACK_GUARD_GAP);
  }
}

/** The window in which MAP_32BIT wants the mapping, if it means anything to this task. */
const map32 = ({ mm }: MmEdit, want: Wanted): Layout["map32"] =>
  (want.flags & MAP["32BIT"]) !== 0 ? mm.layout.map32 : undefined;

/** Pages by which a hint above the window opens the rest of the address space to the search. */
const beyondWindow = ({ layout }: MmStruct, hint: number): number =>
  hint > pageOf(layout.window) ? pageOf(layout.taskSize) - pageOf(layout.window) : 0;

function bottomUp(edit: MmEdit, want: Wanted, align: number): Result<Vpn> {
  const { mm } = edit;
  const low = map32(edit, want);
  const end = low ? pageOf(low.end) : pageOf(mm.layout.window) + beyondWindow(mm, want.hint);
  if (want.pages > end) return noRoom(want.pages);
  if (hintFits(edit, want.hint, want.pages, end)) return ok(want.hint as Vpn);
  let begin: number = low ? pageOf(low.start) : mm.mmapLegacyBase;
  for (;;) {
    const gap = mm.vmas.lowestGap(want.pages + align - 1, begin, end);
    if (!gap) return noRoom(want.pages);
    const at = Math.ceil(gap.start / align) * align;
    const next = edit.findVma(at);
    if (!next || startGap(next, STACK_GUARD_GAP) >= at + want.pages) return ok(at as Vpn);
    begin = next.end;
  }
}
