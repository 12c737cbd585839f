import {
  IA32,
  type Layout,
  LOW_LIMIT,
  PMD_PAGES,
  STACK_GUARD_GAP,
  taskSizeOf,
  X86_64,
} from "../arch/index.ts";
import {
  addressText,
  ok,
  pageOf,
  pagesText,
  type Result,
  rangeText,
  refuse,
  type Vpn,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
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
  /** The entry that the call came through; absent for the task's own. */
  readonly entry?: Entry | undefined;
}

/** The 32-bit entry of the kernel (int 0x80) or the 64-bit one: any task may use either. */
export type Entry = 32 | 64;

/** Whether the call came through the entry that is not the task's own: it is placed by bases of its own. */
const isForeign = (mm: MmStruct, { entry }: Wanted): boolean =>
  entry !== undefined && entry !== mm.layout.bits;

/** The layout by whose rules a call is placed. */
function layoutOfCall(mm: MmStruct, want: Wanted): Layout {
  if (!isForeign(mm, want)) return mm.layout;
  return want.entry === 32 ? IA32 : X86_64;
}

const noRoom = (pages: number): Result<Vpn> => refuse("ENOMEM", `no free range of ${pages} pages`);

/**
 * Chooses where a mapping goes when the caller does not fix it.
 *
 * @refuses ENOMEM when no gap is long enough, or when the one found lies beyond the task's own user space
 * @kernel __get_unmapped_area, mm/mmap.c; arch_get_unmapped_area(_topdown), arch/x86/kernel/sys_x86_64.c (6.18)
 */
export function getUnmappedArea(edit: MmEdit, want: Wanted): Result<Vpn> {
  edit.env.trace?.enter("__get_unmapped_area");
  if (want.pages > edit.taskPages) return refuse("ENOMEM", "longer than the address space");
  const place = chooseSearch(edit, want);
  if (place.ok && place.value > edit.taskPages - want.pages)
    return refuse("ENOMEM", "the place found lies beyond user space");
  return place;
}

function chooseSearch(edit: MmEdit, want: Wanted): Result<Vpn> {
  const { file } = want;
  if (file?.kind === "hugetlb") return hugetlbSearch(edit, want, file.hugePages ?? PMD_PAGES);
  if (!layoutOfCall(edit.mm, want).thpAligned) return plainSearch(edit, want, 1);
  const { alignsAnonymous, alignsFiles } = edit.env.traits;
  const shared = (want.flags & MAP.SHARED) !== 0;
  if (alignsAnonymous && file === undefined && !shared && want.hint === 0 && want.pages % PMD_PAGES === 0)
    return thpSearch(edit, want, 0);
  const aligned =
    (alignsFiles && file?.kind === "disk") || (alignsAnonymous && file?.kind === "zero" && !shared);
  return aligned ? thpSearch(edit, want, want.pgoff) : plainSearch(edit, want, 1);
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
  edit.env.trace?.enter("thp_get_unmapped_area_vmflags");
  edit.env.trace?.choose("2 MiB more are looked for, so that huge pages fit");
  const padded = plainSearch(edit, { ...want, pages: want.pages + PMD_PAGES }, 1);
  if (!padded.ok) return plainSearch(edit, want, 1);
  if (padded.value === want.hint) return padded;
  const shift = (((pgoff - padded.value) % PMD_PAGES) + PMD_PAGES) % PMD_PAGES;
  const up = shift === 0 && !edit.mm.bottomUp && edit.env.traits.alignsUp;
  return ok((padded.value + (up ? PMD_PAGES : shift)) as Vpn);
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
  const fits = next === undefined || startGap(next, STACK_GUARD_GAP) >= hint + pages;
  edit.env.trace?.choose(
    fits || !next
      ? `the hint ${addressText(hint)} has room`
      : `the hint ${addressText(hint)} has none: ${rangeText(next.start, next.end)} is in the way`,
  );
  return fits;
}

const gapText = (
  which: string,
  gap: { readonly start: number; readonly end: number } | undefined,
  pages: number,
  low: number,
  high: number,
): string =>
  gap
    ? `the ${which} gap of ${pagesText(pages)} in ${rangeText(low, high)} is ${rangeText(gap.start, gap.end)}`
    : `there is no gap of ${pagesText(pages)} in ${rangeText(low, high)}`;

function plainSearch(edit: MmEdit, want: Wanted, align: number): Result<Vpn> {
  const { mm } = edit;
  if (mm.bottomUp || map32(edit, want)) return bottomUp(edit, want, align);
  edit.env.trace?.enter("arch_get_unmapped_area_topdown");
  const fits = hintFits(edit, want.hint, want.pages, edit.taskPages);
  if (fits && !crossesWindow(mm, want.hint, want.pages)) return ok(want.hint as Vpn);
  const layout = layoutOfCall(mm, want);
  const above4G = (want.flags & MAP.ABOVE4G) !== 0 && layout.bits === 64 && edit.env.traits.mapAbove4G;
  const low = above4G ? pageOf(2 ** 32) : LOW_LIMIT;
  let high = (isForeign(mm, want) ? mm.mmapCompatBase : mm.mmapBase) + beyondWindow(layout, want.hint);
  for (;;) {
    const gap = mm.vmas.highestGap(want.pages + align - 1, low, high);
    edit.env.trace?.choose(gapText("highest", gap, want.pages, low, high));
    if (!gap) return bottomUp(edit, want, align);
    const at = Math.floor((gap.end - want.pages) / align) * align;
    const next = edit.findVma(gap.end);
    if (!next || startGap(next, STACK_GUARD_GAP) >= gap.end) return ok(at as Vpn);
    high = startGap(next, STACK_GUARD_GAP);
  }
}

/** The window in which MAP_32BIT wants the mapping, if it means anything to this task. */
const map32 = ({ mm }: MmEdit, want: Wanted): Layout["map32"] =>
  (want.flags & MAP["32BIT"]) !== 0 ? layoutOfCall(mm, want).map32 : undefined;

/** Pages by which a hint above the window opens the rest of the address space to the search. */
const beyondWindow = (layout: Layout, hint: number): number =>
  hint > pageOf(layout.window) ? pageOf(layout.taskSize) - pageOf(layout.window) : 0;

/** Where a search from below ends: task_size_32bit or task_size_64bit, by the entry. */
function endOfSearch({ mm, env }: MmEdit, want: Wanted): number {
  const layout = layoutOfCall(mm, want);
  const window = layout.compat ? taskSizeOf(layout, env.personality) : layout.window;
  return pageOf(window) + beyondWindow(layout, want.hint);
}

function bottomUp(edit: MmEdit, want: Wanted, align: number): Result<Vpn> {
  const { mm } = edit;
  edit.env.trace?.enter("arch_get_unmapped_area");
  const low = map32(edit, want);
  const end = low ? pageOf(low.end) : endOfSearch(edit, want);
  if (want.pages > end) return noRoom(want.pages);
  if (hintFits(edit, want.hint, want.pages, end)) return ok(want.hint as Vpn);
  let begin: number = low
    ? pageOf(low.start)
    : isForeign(mm, want)
      ? mm.mmapCompatLegacyBase
      : mm.mmapLegacyBase;
  for (;;) {
    const gap = mm.vmas.lowestGap(want.pages + align - 1, begin, end);
    edit.env.trace?.choose(gapText("lowest", gap, want.pages, begin, end));
    if (!gap) return noRoom(want.pages);
    const at = Math.ceil(gap.start / align) * align;
    const next = edit.findVma(at);
    if (!next || startGap(next, STACK_GUARD_GAP) >= at + want.pages) return ok(at as Vpn);
    begin = next.end;
  }
}
