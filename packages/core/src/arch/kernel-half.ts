/** One range of the kernel half, as Documentation/arch/x86/x86_64/mm.rst lists it. Addresses and sizes in bytes. */
export interface KernelRegion {
  readonly name: string;
  readonly start: bigint;
  readonly size: bigint;
}

const KIB = 1n << 10n;
const MIB = 1n << 20n;
const GIB = 1n << 30n;
const TIB = 1n << 40n;

const region = (name: string, start: bigint, size: bigint): KernelRegion => ({ name, start, size });

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

const SHARED: readonly KernelRegion[] = [
  region("hole", 0xffffc88000000000n, TIB / 2n),
  region("vmalloc", 0xffffc90000000000n, 32n * TIB),
  region("hole", 0xffffe90000000000n, TIB),
  region("vmemmap", 0xffffea0000000000n, TIB),
  region("KASAN shadow", 0xffffec0000000000n, 16n * TIB),
];

/** Four-level page tables, without memory KASLR: since 4.20. */
export const KERNEL_HALF: readonly KernelRegion[] = [
  region("guard hole", 0xffff800000000000n, 8n * TIB),
  region("LDT remap", 0xffff880000000000n, TIB / 2n),
  region("direct map", 0xffff888000000000n, 64n * TIB),
  ...SHARED,
  ...TOP,
];

/** The same up to 4.19: the classic direct map at 0xffff880000000000. */
export const KERNEL_HALF_CLASSIC: readonly KernelRegion[] = [
  region("guard hole", 0xffff800000000000n, 8n * TIB),
  region("direct map", 0xffff880000000000n, 64n * TIB),
  region("hole", 0xffffc80000000000n, TIB),
  ...SHARED.slice(1),
  ...TOP,
];

/** The region that holds a kernel address; undefined for user addresses and unnamed gaps. */
export const kernelRegion = (
  address: bigint,
  half: readonly KernelRegion[] = KERNEL_HALF,
): KernelRegion | undefined => half.find(({ start, size }) => address >= start && address < start + size);

const START_KERNEL_MAP = 0xffffffff80000000n;
const PAGE_OFFSET = 0xffff888000000000n;

/** __va: where the direct map shows a physical address. */
export const kernelVirtual = (physical: bigint, pageOffset: bigint = PAGE_OFFSET): bigint =>
  physical + pageOffset;

/**
 * __pa: the physical address behind a kernel address of the direct map or the kernel image.
 *
 * @param physBase where the kernel image was loaded: phys_base
 * @kernel __phys_addr_nodebug, arch/x86/include/asm/page_64.h (6.18)
 */
export const physical = (address: bigint, physBase = 0n, pageOffset: bigint = PAGE_OFFSET): bigint =>
  address >= START_KERNEL_MAP ? address - START_KERNEL_MAP + physBase : address - pageOffset;
