/**
 * How a kernel maps single high pages for a moment: `typed` has a slot for every purpose and CPU, up to 2.6.36;
 * `stack` a stack of slots for every CPU.
 */
export type KmapSlots = "typed" | "stack";

/** What the typed slots are for: enum km_type of 2.6.36. */
export const KM_TYPES = [
  "KM_BOUNCE_READ",
  "KM_SKB_SUNRPC_DATA",
  "KM_SKB_DATA_SOFTIRQ",
  "KM_USER0",
  "KM_USER1",
  "KM_BIO_SRC_IRQ",
  "KM_BIO_DST_IRQ",
  "KM_PTE0",
  "KM_PTE1",
  "KM_IRQ0",
  "KM_IRQ1",
  "KM_SOFTIRQ0",
  "KM_SOFTIRQ1",
  "KM_SYNC_ICACHE",
  "KM_SYNC_DCACHE",
  "KM_UML_USERCOPY",
  "KM_IRQ_PTE",
  "KM_NMI",
  "KM_NMI_PTE",
  "KM_KDB",
] as const;

export type KmType = (typeof KM_TYPES)[number];

/** Slots of one CPU: KM_MAX_IDX without debugging, or one for each type. */
export const kmapSlotsPerCpu = (slots: KmapSlots): number => (slots === "stack" ? 16 : KM_TYPES.length);

/** CPUs that a 32-bit kernel is built for: CONFIG_NR_CPUS as it is without BIGSMP. */
export const NR_CPUS_32 = 8;

/** One name of enum fixed_addresses, and how many slots it takes. */
export interface FixedAddress {
  readonly name: string;
  readonly count: number;
}

/** Slots that have a fixed place, from the top down. Byte addresses. */
export interface Fixmap {
  /** FIXADDR_TOP: the address of slot 0. */
  readonly top: bigint;
  /** The first slot of the list; on 64-bit those before it lie in the vsyscall range. */
  readonly first: number;
  readonly slots: readonly FixedAddress[];
}

/**
 * The permanent slots of a 32-bit kernel that is built with a local APIC, an I/O APIC and PCI.
 * @kernel enum fixed_addresses, arch/x86/include/asm/fixmap.h (6.18)
 */
export const fixmap32 = (kmap: KmapSlots): Fixmap => ({
  top: 0xfffff000n,
  first: 0,
  slots: [
    { name: "FIX_HOLE", count: 1 },
    { name: "FIX_DBGP_BASE", count: 1 },
    { name: "FIX_EARLYCON_MEM_BASE", count: 1 },
    { name: "FIX_APIC_BASE", count: 1 },
    { name: "FIX_IO_APIC_BASE", count: 64 },
    { name: "FIX_KMAP", count: kmapSlotsPerCpu(kmap) * NR_CPUS_32 },
    { name: "FIX_PCIE_MCFG", count: 1 },
  ],
});

/** The same of a 64-bit kernel, which needs no slots for high memory. */
export const FIXMAP_64: Fixmap = {
  top: 0xffffffffff7ff000n,
  first: 511,
  slots: [
    { name: "VSYSCALL_PAGE", count: 1 },
    { name: "FIX_DBGP_BASE", count: 1 },
    { name: "FIX_EARLYCON_MEM_BASE", count: 1 },
    { name: "FIX_APIC_BASE", count: 1 },
    { name: "FIX_IO_APIC_BASE", count: 128 },
  ],
};

/** The slot behind the last one: __end_of_permanent_fixed_addresses. */
export const fixmapEnd = ({ first, slots }: Fixmap): number =>
  slots.reduce((at, { count }) => at + count, first);
