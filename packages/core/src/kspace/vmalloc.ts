import { ok, PAGE_SIZE, type Result, refuse, type Vpn, type Word } from "../base/index.ts";
import type { KspaceDraft, KspaceEnv, VmapArea } from "./kspace.ts";

/** Frames of a freed area: none, as for every area that is not mapped. */
const NONE: readonly number[] = Object.freeze([]);

const freeze = (area: VmapArea): VmapArea => Object.freeze(area);

/**
 * Maps so many bytes of new frames, contiguous to the kernel, in the lowest place that is free.
 *
 * @param bytes rounded up to whole pages
 * @returns the first page
 * @refuses ENOMEM for nothing at all, for more than the machine has, when no place is long enough, or when the
 *   frames run out: then every frame goes back, and the place is freed as vfree does it
 * @kernel __vmalloc_node_range, mm/vmalloc.c (6.18)
 */
export function vmalloc(k: KspaceDraft, env: KspaceEnv, bytes: Word, caller: string): Result<Vpn> {
  const pages = Math.ceil(Number(bytes) / PAGE_SIZE);
  if (pages === 0) return refuse("ENOMEM", "vmalloc of nothing");
  if (pages > env.totalPages)
    return refuse("ENOMEM", `${pages} pages exceed the ${env.totalPages} there are`);
  const area = getVmArea(k, env, { pages, kind: "vmalloc", caller });
  if (!area.ok) return area;
  return populate(k, env, area.value);
}

/** The same at a place that is known, for a recording that says so; undefined where that is taken or outside. */
export function vmallocAt(k: KspaceDraft, env: KspaceEnv, start: Vpn, bytes: Word, caller: string): void {
  const end = start + Math.ceil(Number(bytes) / PAGE_SIZE) + 1;
  const { vmalloc: range } = env.half;
  if (start < range.start || end > range.end || k.areas.overlaps(start, end)) return;
  const area = freeze({ start, end, kind: "vmalloc", guard: true, frames: NONE, caller });
  k.areas.insert(area);
  populate(k, env, area);
}

/** __vmalloc_area_node: gives an area its frames, one by one. */
function populate(k: KspaceDraft, env: KspaceEnv, area: VmapArea): Result<Vpn> {
  const frames: number[] = [];
  const pages = mappedPages(area);
  while (frames.length < pages) {
    const pfn = env.frames.alloc(0);
    if (pfn === undefined) {
      for (const got of frames) env.frames.free(got, 0);
      freeVmapAreaNoflush(k, env, area);
      return refuse("ENOMEM", `frames for ${frames.length} of ${pages} pages, and no more`);
    }
    frames.push(pfn);
  }
  k.areas.replaceItem(area, freeze({ ...area, frames: Object.freeze(frames) }));
  return ok(area.start as Vpn);
}

/**
 * Maps frames that somebody else holds, in the lowest place that is free.
 *
 * @refuses ENOMEM for no frames, for more than the machine has, or when no place is long enough
 * @kernel vmap, mm/vmalloc.c (6.18)
 */
export function vmap(
  k: KspaceDraft,
  env: KspaceEnv,
  frames: readonly number[],
  { caller, guard = true }: { readonly caller: string; readonly guard?: boolean },
): Result<Vpn> {
  if (frames.length === 0) return refuse("ENOMEM", "vmap of nothing");
  if (frames.length > env.totalPages)
    return refuse("ENOMEM", `${frames.length} frames are more than there are`);
  const area = getVmArea(k, env, { pages: frames.length, kind: "vmap", caller, guard });
  if (!area.ok) return area;
  k.areas.replaceItem(area.value, freeze({ ...area.value, frames: Object.freeze([...frames]) }));
  return ok(area.value.start as Vpn);
}

/**
 * Unmaps an area and gives its frames back, where vmalloc got them. Any page of the area names it; page 0 is
 * nobody's, and fine.
 *
 * @refuses EINVAL where no area is: the kernel warns and does nothing
 * @kernel vfree, mm/vmalloc.c (6.18)
 */
export function vfree(k: KspaceDraft, env: KspaceEnv, page: number): Result<undefined> {
  if (page === 0) return ok(undefined);
  const area = findVmArea(k, page);
  if (!area) return refuse("EINVAL", `no vm area at page 0x${page.toString(16)}`);
  if (area.kind === "vmalloc") for (const pfn of area.frames) env.frames.free(pfn, 0);
  freeVmapAreaNoflush(k, env, area);
  return ok(undefined);
}

/**
 * Unmaps an area and leaves its frames alone.
 *
 * @refuses EINVAL where no area is, and for one of vmalloc, whose frames nobody would hold any more
 * @kernel vunmap, mm/vmalloc.c (6.18)
 */
export function vunmap(k: KspaceDraft, env: KspaceEnv, page: number): Result<undefined> {
  if (findVmArea(k, page)?.kind === "vmalloc") return refuse("EINVAL", "vmalloc's frames go with vfree");
  return vfree(k, env, page);
}

/** The area that is in use at a page, its guard included. */
export function findVmArea(k: Pick<KspaceDraft, "areas">, page: number): VmapArea | undefined {
  const area = k.areas.find(page);
  return area?.kind === "lazy" ? undefined : area;
}

/**
 * The frame behind a page of the vmalloc range.
 *
 * @refuses EFAULT where nothing is mapped, as on a guard page
 * @kernel vmalloc_to_page, mm/vmalloc.c (6.18)
 */
export function vmallocToPfn(k: Pick<KspaceDraft, "areas">, page: number): Result<number> {
  const area = findVmArea(k, page);
  const pfn = area?.frames[page - area.start];
  if (pfn !== undefined) return ok(pfn);
  return refuse("EFAULT", area ? "the guard page of an area" : "no area is there");
}

/** Pages of an area that are mapped: all but its guard. */
export const mappedPages = ({ start, end, guard }: VmapArea): number => end - start - (guard ? 1 : 0);

interface Wanted {
  readonly pages: number;
  readonly kind: "vmalloc" | "vmap";
  readonly caller: string;
  readonly guard?: boolean;
}

/** __get_vm_area_node: a place with a guard page behind it, in which nothing is mapped yet. */
function getVmArea(k: KspaceDraft, env: KspaceEnv, wanted: Wanted): Result<VmapArea> {
  const { pages, kind, caller, guard = true } = wanted;
  const place = allocVmapArea(k, env, pages + (guard ? 1 : 0));
  if (!place.ok) return place;
  const { start, end } = place.value;
  const area = freeze({ start, end, kind, guard, frames: NONE, caller });
  k.areas.insert(area);
  return ok(area);
}

/**
 * The lowest free place of so many pages. Where there is none, lazy areas are purged, and it is tried once more.
 * @kernel alloc_vmap_area, mm/vmalloc.c (6.18)
 */
function allocVmapArea(k: KspaceDraft, { half }: KspaceEnv, pages: number): Result<{ start: Vpn; end: Vpn }> {
  const { start: low, end: high } = half.vmalloc;
  const search = (): number | undefined => k.areas.lowestGap(pages, low, high)?.start;
  let start = search();
  if (start === undefined && k.lazyPages > 0) {
    purgeVmapAreaLazy(k);
    start = search();
  }
  if (start === undefined) return refuse("ENOMEM", `no ${pages} free pages in a row in the vmalloc range`);
  return ok({ start: start as Vpn, end: (start + pages) as Vpn });
}

/** Pages that may wait to be purged: 32 MiB for every doubling of the CPUs. */
export const lazyMaxPages = (cpus: number): number => (Math.floor(Math.log2(cpus)) + 1) * 8192;

/**
 * An area is unmapped, but stays taken: TLBs may still know it. When too many pages wait, they are purged.
 * @kernel free_vmap_area_noflush, mm/vmalloc.c (6.18)
 */
function freeVmapAreaNoflush(k: KspaceDraft, env: KspaceEnv, area: VmapArea): void {
  k.areas.replaceItem(area, freeze({ ...area, kind: "lazy", frames: NONE }));
  k.lazyPages += area.end - area.start;
  if (k.lazyPages > lazyMaxPages(env.cpus)) purgeVmapAreaLazy(k);
}

/**
 * Makes all lazy areas free again, with one flush of the TLBs for all of them.
 * @kernel __purge_vmap_area_lazy, mm/vmalloc.c (6.18)
 */
export function purgeVmapAreaLazy(k: KspaceDraft): void {
  for (const area of k.areas.toArray()) if (area.kind === "lazy") k.areas.remove(area.start);
  k.lazyPages = 0;
  k.purges += 1;
}
