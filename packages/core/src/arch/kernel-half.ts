import { ok, PAGE_SIZE, type Result, refuse, type Vpn } from "../base/index.ts";
import { FIXMAP_64, type Fixmap, fixmap32, fixmapEnd, type KmapSlots } from "./fixed-addresses.ts";
import type { LayoutName } from "./layout.ts";

/** One range of the kernel half, as Documentation/arch/x86/x86_64/mm.rst lists it. Addresses and sizes in bytes. */
export interface KernelRegion {
  readonly name: string;
  readonly start: bigint;
  readonly size: bigint;
}

export type KernelHalfName = "x86-64" | "x86-64-classic" | "x86-64-5level" | "i386" | "i386-pae";

/** The kernel half of every address space of one machine, without what randomisation moves. */
export interface KernelHalf {
  readonly name: KernelHalfName;
  readonly bits: 32 | 64;
  /** In ascending order, disjoint. */
  readonly regions: readonly KernelRegion[];
  /** Where the direct map shows physical address 0: PAGE_OFFSET. */
  readonly pageOffset: bigint;
  /** Bytes of physical memory that the direct map shows; what lies above is high memory. */
  readonly lowMemory: bigint;
  /** The second place at which a 64-bit kernel has its own image: START_KERNEL_MAP. */
  readonly image: KernelRegion | undefined;
  /** The array of struct page: vmemmap, or mem_map of a 32-bit kernel. */
  readonly memMap: { readonly start: bigint; readonly pageBytes: number };
  /** Pages for vmalloc, vmap and ioremap: VMALLOC_START to VMALLOC_END. */
  readonly vmalloc: { readonly start: Vpn; readonly end: Vpn };
  /** The slots of kmap; a 64-bit kernel has none. */
  readonly pkmap: { readonly start: bigint; readonly slots: number } | undefined;
  readonly fixmap: Fixmap;
  readonly kmapSlots: KmapSlots;
}

const PAGE = BigInt(PAGE_SIZE);
const KIB = 1n << 10n;
const MIB = 1n << 20n;
const GIB = 1n << 30n;
const TIB = 1n << 40n;
const PIB = 1n << 50n;

const region = (name: string, start: bigint, size: bigint): KernelRegion => ({ name, start, size });
const upTo = (name: string, start: bigint, end: bigint): KernelRegion => region(name, start, end - start);
const pageAt = (address: bigint): Vpn => Number(address / PAGE) as Vpn;

/** Ranges above the KASAN shadow: the same in every 64-bit layout. */
const TOP: readonly KernelRegion[] = [
  region("cpu_entry_area", 0xfffffe0000000000n, TIB / 2n),
  region("%esp fixup stacks", 0xffffff0000000000n, TIB / 2n),
  region("EFI", 0xffffffef00000000n, 64n * GIB),
  region("kernel image", 0xffffffff80000000n, 512n * MIB),
  region("modules", 0xffffffffa0000000n, 1520n * MIB),
  region("fixmap", 0xffffffffff578000n, 0xffffffffff600000n - 0xffffffffff578000n),
  region("vsyscall", 0xffffffffff600000n, 4n * KIB),
  region("hole", 0xffffffffffe00000n, 2n * MIB),
];

/** From the hole above the direct map to the KASAN shadow, with four levels. */
const MIDDLE: readonly KernelRegion[] = [
  region("vmalloc", 0xffffc90000000000n, 32n * TIB),
  region("hole", 0xffffe90000000000n, TIB),
  region("vmemmap", 0xffffea0000000000n, TIB),
  region("KASAN shadow", 0xffffec0000000000n, 16n * TIB),
];

/** The half that regions by these names describe. */
function half64(name: KernelHalfName, regions: readonly KernelRegion[]): KernelHalf {
  const named = (wanted: string): KernelRegion =>
    regions.find((r) => r.name === wanted) ?? region(wanted, 0n, 0n);
  const vmalloc = named("vmalloc");
  return {
    name,
    bits: 64,
    regions,
    pageOffset: named("direct map").start,
    lowMemory: named("direct map").size,
    image: named("kernel image"),
    memMap: { start: named("vmemmap").start, pageBytes: 64 },
    // vmalloc_end is the last byte, so that the last page stays free.
    vmalloc: { start: pageAt(vmalloc.start), end: pageAt(vmalloc.start + vmalloc.size - 1n) },
    pkmap: undefined,
    fixmap: FIXMAP_64,
    kmapSlots: "stack",
  };
}

/** Four-level page tables: since 4.20. */
export const KERNEL_HALF: KernelHalf = half64("x86-64", [
  region("guard hole", 0xffff800000000000n, 8n * TIB),
  region("LDT remap", 0xffff880000000000n, TIB / 2n),
  region("direct map", 0xffff888000000000n, 64n * TIB),
  region("hole", 0xffffc88000000000n, TIB / 2n),
  ...MIDDLE,
  ...TOP,
]);

/** The same up to 4.19: the classic direct map at 0xffff880000000000. */
export const KERNEL_HALF_CLASSIC: KernelHalf = half64("x86-64-classic", [
  region("guard hole", 0xffff800000000000n, 8n * TIB),
  region("direct map", 0xffff880000000000n, 64n * TIB),
  region("hole", 0xffffc80000000000n, TIB),
  ...MIDDLE,
  ...TOP,
]);

/** Five-level page tables. */
export const KERNEL_HALF_5LEVEL: KernelHalf = half64("x86-64-5level", [
  region("guard hole", 0xff00000000000000n, 4n * PIB),
  region("LDT remap", 0xff10000000000000n, PIB / 4n),
  region("direct map", 0xff11000000000000n, 32n * PIB),
  upTo("hole", 0xff91000000000000n, 0xffa0000000000000n),
  region("vmalloc", 0xffa0000000000000n, (25n * PIB) / 2n),
  region("hole", 0xffd2000000000000n, PIB / 2n),
  region("vmemmap", 0xffd4000000000000n, PIB / 2n),
  upTo("hole", 0xffd6000000000000n, 0xffdf000000000000n),
  upTo("KASAN shadow", 0xffdf000000000000n, 0xfffffc0000000000n),
  ...TOP,
]);

const PAGE_OFFSET_32 = 0xc0000000n;
/** What low memory leaves of the upper GiB for everything else, if no `vmalloc=` says otherwise. */
const VMALLOC_RESERVE = 128n * MIB;
const VMALLOC_OFFSET = 8n * MIB;
/** Where the array of struct page begins on a machine with high memory: behind the first 16 MiB. */
const MEM_MAP_32 = PAGE_OFFSET_32 + 16n * MIB;
const STRUCT_PAGE_32 = 32;

/** What a 32-bit kernel's half depends on. */
export interface KernelHalf32 {
  /** Entries of 64 bits, in three levels: a PMD maps 2 MiB and not 4. */
  readonly pae: boolean;
  readonly kmapSlots: KmapSlots;
  /** Physical memory in bytes: with less than 896 MiB there is no high memory. */
  readonly memory: bigint;
}

/**
 * The upper GiB under a 32-bit kernel, as it was for most of the time: low memory is what the reserve of
 * 128 MiB leaves, and the slots of kmap stand right below the fixed ones.
 */
export function kernelHalf32({ pae, kmapSlots, memory }: KernelHalf32): KernelHalf {
  const fixmap = fixmap32(kmapSlots);
  const most = (1n << 32n) - PAGE_OFFSET_32 - VMALLOC_RESERVE;
  const lowMemory = memory < most ? memory : most;
  const highMemory = PAGE_OFFSET_32 + lowMemory;
  const fixmapStart = fixmap.top - PAGE * BigInt(fixmapEnd(fixmap));
  const slots = pae ? 512 : 1024;
  const pmd = pae ? 2n * MIB : 4n * MIB;
  const pkmapStart = ((fixmapStart - PAGE * BigInt(slots + 1)) / pmd) * pmd;
  const pkmapEnd = pkmapStart + PAGE * BigInt(slots);
  const vmallocStart = highMemory + VMALLOC_OFFSET;
  const vmallocEnd = pkmapStart - 2n * PAGE;
  return {
    name: pae ? "i386-pae" : "i386",
    bits: 32,
    regions: [
      region("direct map", PAGE_OFFSET_32, lowMemory),
      region("hole", highMemory, VMALLOC_OFFSET),
      upTo("vmalloc", vmallocStart, vmallocEnd),
      upTo("hole", vmallocEnd, pkmapStart),
      upTo("pkmap", pkmapStart, pkmapEnd),
      ...(pkmapEnd < fixmapStart ? [upTo("hole", pkmapEnd, fixmapStart)] : []),
      upTo("fixmap", fixmapStart, fixmap.top),
      region("hole", fixmap.top, PAGE),
    ],
    pageOffset: PAGE_OFFSET_32,
    lowMemory,
    image: undefined,
    memMap: { start: MEM_MAP_32, pageBytes: STRUCT_PAGE_32 },
    vmalloc: { start: pageAt(vmallocStart), end: pageAt(vmallocEnd) },
    pkmap: { start: pkmapStart, slots },
    fixmap,
    kmapSlots,
  };
}

const ALL_MEMORY_32 = 1n << 32n;

/** The classic 3G/1G with high memory. */
export const KERNEL_HALF_I386 = kernelHalf32({ pae: false, kmapSlots: "stack", memory: ALL_MEMORY_32 });
export const KERNEL_HALF_I386_PAE = kernelHalf32({ pae: true, kmapSlots: "stack", memory: ALL_MEMORY_32 });

/** Every half by its name; those of 32 bits with high memory. */
export const KERNEL_HALVES: Readonly<Record<KernelHalfName, KernelHalf>> = {
  "x86-64": KERNEL_HALF,
  "x86-64-classic": KERNEL_HALF_CLASSIC,
  "x86-64-5level": KERNEL_HALF_5LEVEL,
  i386: KERNEL_HALF_I386,
  "i386-pae": KERNEL_HALF_I386_PAE,
};

/** The half that a task of this layout shares with all others. */
export function kernelHalfOf(layout: LayoutName): KernelHalf {
  switch (layout) {
    case "x86-64-5level":
      return KERNEL_HALF_5LEVEL;
    case "i386":
      return KERNEL_HALF_I386;
    default:
      return KERNEL_HALF;
  }
}

/** The region that holds a kernel address; undefined for user addresses and unnamed gaps. */
export const kernelRegion = (address: bigint, half: KernelHalf = KERNEL_HALF): KernelRegion | undefined =>
  half.regions.find(({ start, size }) => address >= start && address < start + size);

const hexOf = (n: bigint): string => `0x${n.toString(16)}`;

/**
 * Where the direct map shows a physical address: __va.
 *
 * @refuses EFAULT for high memory, which has no address of its own until it is mapped
 */
export function kernelVirtual(physical: bigint, half: KernelHalf = KERNEL_HALF): Result<bigint> {
  if (physical >= 0n && physical < half.lowMemory) return ok(physical + half.pageOffset);
  return refuse(
    "EFAULT",
    `${hexOf(physical)} lies above the direct map, which ends at ${hexOf(half.lowMemory)}`,
  );
}

/**
 * The physical address behind a kernel address of the direct map or the kernel image: __pa. What is mapped page
 * by page (vmalloc, kmap, fixmap) has none that could be computed.
 *
 * @param physBase how far the kernel image was loaded above address 0 of its link: phys_base
 * @refuses EFAULT for any other address
 * @kernel __phys_addr_nodebug, arch/x86/include/asm/page_64.h (6.18)
 */
export function physical(address: bigint, half: KernelHalf = KERNEL_HALF, physBase = 0n): Result<bigint> {
  const { image, pageOffset, lowMemory } = half;
  if (image && address >= image.start && address < image.start + image.size)
    return ok(address - image.start + physBase);
  if (address >= pageOffset && address < pageOffset + lowMemory) return ok(address - pageOffset);
  const where = kernelRegion(address, half)?.name ?? "no region of the kernel half";
  return refuse("EFAULT", `${hexOf(address)} lies in ${where}, not in the direct map`);
}

/**
 * Where the struct page of a frame stands.
 * @kernel __pfn_to_page, include/asm-generic/memory_model.h (6.18)
 */
export const pfnToPage = (pfn: number, { memMap }: KernelHalf = KERNEL_HALF): bigint =>
  memMap.start + BigInt(pfn) * BigInt(memMap.pageBytes);

/**
 * The frame that a struct page stands for.
 *
 * @refuses EFAULT for an address below the array or inside an entry
 * @kernel __page_to_pfn, include/asm-generic/memory_model.h (6.18)
 */
export function pageToPfn(page: bigint, { memMap }: KernelHalf = KERNEL_HALF): Result<number> {
  const offset = page - memMap.start;
  const bytes = BigInt(memMap.pageBytes);
  if (offset >= 0n && offset % bytes === 0n) return ok(Number(offset / bytes));
  return refuse("EFAULT", `${hexOf(page)} is no struct page of the array at ${hexOf(memMap.start)}`);
}
