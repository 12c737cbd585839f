import { type KernelHalf, kmapSlotsPerCpu, NR_CPUS_32 } from "../arch/index.ts";
import type { Violation } from "../base/index.ts";
import { kmapDepth } from "./kmap.ts";
import type { Kspace } from "./kspace.ts";
import { mappedPages } from "./vmalloc.ts";

const broken = (where: string, what: string): Violation => ({ law: "kspace", where, what });

/**
 * Areas lie in the vmalloc range, apart from one another, and are mapped as far as they say; lazy pages are those
 * of lazy areas; a frame of vmalloc has one place and is not free.
 */
export function* vmallocLaw(k: Kspace, { vmalloc }: KernelHalf): Iterable<Violation> {
  let lazy = 0;
  const owned = new Set<number>();
  for (const area of k.areas.items()) {
    const where = `area ${area.start.toString(16)}-${area.end.toString(16)}`;
    if (area.start < vmalloc.start || area.end > vmalloc.end) yield broken(where, "leaves the vmalloc range");
    const mapped = area.kind === "lazy" ? 0 : mappedPages(area);
    if (area.frames.length !== mapped)
      yield broken(where, `has ${area.frames.length} frames for ${mapped} pages`);
    if (area.kind === "lazy") lazy += area.end - area.start;
    if (area.kind !== "vmalloc") continue;
    for (const pfn of area.frames) {
      if (owned.has(pfn)) yield broken(where, `shares frame ${pfn}`);
      if (k.freeFrames.has(pfn)) yield broken(where, `frame ${pfn} is free`);
      owned.add(pfn);
    }
  }
  for (const what of k.areas.check()) yield broken("areas", what);
  if (lazy !== k.lazyPages) yield broken("areas", `counts ${k.lazyPages} lazy pages, has ${lazy}`);
}

/**
 * A slot has one frame and a frame one slot; nobody waits while a slot has no users; the slots of a CPU are
 * taken from the first on, where they are a stack.
 */
export function* kmapLaw(k: Kspace, half: KernelHalf): Iterable<Violation> {
  let idle = (half.pkmap?.slots ?? 0) - k.pkmap.size;
  for (const [slot, { pfn, count }] of k.pkmap) {
    if (k.pageAddress.get(pfn) !== slot) yield broken(`slot ${slot}`, `frame ${pfn} does not know it`);
    if (count < 1) yield broken(`slot ${slot}`, `has count ${count}`);
    if (count === 1) idle += 1;
  }
  if (k.pageAddress.size !== k.pkmap.size)
    yield broken("pkmap", `${k.pageAddress.size} frames in ${k.pkmap.size} slots`);
  if (k.waiters.length > 0 && idle > 0)
    yield broken("pkmap", `${k.waiters.length} tasks wait while ${idle} slots have no users`);
  if (half.kmapSlots !== "stack") return;
  let nested = 0;
  for (let cpu = 0; cpu < NR_CPUS_32; cpu++) nested += kmapDepth(k, half, cpu);
  if (nested !== k.locals.size)
    yield broken(
      "kmap_local",
      `${k.locals.size} slots, of which ${nested} in stacks of ${kmapSlotsPerCpu("stack")}`,
    );
}

/** What the entries of a top-level table say, by index; undefined where nothing is present. */
export type TopLevel = (index: number) => number | bigint | undefined;

/**
 * The kernel half is one for the whole machine: every address space has the entries of the kernel's own table.
 *
 * @param reference the entries of init_mm
 * @param indices the top-level indices of the kernel half
 * @param mayLack whether an address space may still lack an entry, as that of a vmalloc area does on a two-level
 *   32-bit kernel until a fault brings it
 */
export function* kernelHalfLaw(
  reference: TopLevel,
  spaces: Iterable<{ readonly mm: number; readonly entries: TopLevel }>,
  indices: { readonly from: number; readonly to: number },
  mayLack: (index: number) => boolean = () => false,
): Iterable<Violation> {
  for (const { mm, entries } of spaces) {
    for (let index = indices.from; index < indices.to; index++) {
      const [is, should] = [entries(index), reference(index)];
      if (is === should || (is === undefined && mayLack(index))) continue;
      const show = (entry: number | bigint | undefined): string =>
        entry === undefined ? "nothing" : `0x${entry.toString(16)}`;
      yield broken(`mm ${mm}`, `has ${show(is)} at top-level index ${index}, init_mm has ${show(should)}`);
    }
  }
}
