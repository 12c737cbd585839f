import { alignUp, PAGE_SIZE, pageOf, type Vpn } from "../base/index.ts";
import { PERSONALITY } from "./personality.ts";

/** No limit: RLIM_INFINITY. */
export const UNLIMITED = Number.POSITIVE_INFINITY;

/**
 * The user half of an address space for one kind of task: the constants of arch/x86/include/asm/elf.h,
 * page_32_types.h, page_64_types.h and processor.h as data. Addresses and sizes in bytes.
 */
export interface Layout {
  readonly name: LayoutName;
  /** What the programs of such a task are: ELFCLASS32 or ELFCLASS64. */
  readonly bits: 32 | 64;
  /** A 32-bit task on a 64-bit kernel. */
  readonly compat: boolean;
  /** First address that no mapping may reach: TASK_SIZE. */
  readonly taskSize: number;
  /** Searches stay below this unless a hint lies above it: DEFAULT_MAP_WINDOW. */
  readonly window: number;
  readonly stackTop: number;
  /** ELF_ET_DYN_BASE before alignment: where a program that asks for no place is put. */
  readonly elfEtDynBase: number;
  /** Bytes that randomisation may take from the stack's top, kept free below it: stack_maxrandom_size. */
  readonly stackMaxRandom: number;
  /** How far randomisation may move each part, as what it draws is counted: each less than this. */
  readonly random: {
    /** Pages that mmap_base lies lower: arch_mmap_rnd. */
    readonly mmapPages: number;
    /** Pages, then bytes, that the stack's top lies lower: randomize_stack_top, arch_align_stack. */
    readonly stackPages: number;
    readonly stackBytes: number;
    /** Pages that a PIE lies above elfEtDynBase. */
    readonly programPages: number;
    /** Bytes that the heap begins above the program's end: arch_randomize_brk. */
    readonly brkBytes: number;
  };
  /** MAP_32BIT's window; undefined where the flag does nothing. */
  readonly map32: { readonly start: number; readonly end: number } | undefined;
  /** Large mappings are placed so that huge pages fit: thp_get_unmapped_area, which 32-bit calls do without. */
  readonly thpAligned: boolean;
  /** The process shows the vsyscall page, if the kernel has one. */
  readonly vsyscall: boolean;
  /** A program without PT_GNU_STACK gets READ_IMPLIES_EXEC: elf_read_implies_exec. */
  readonly impliesExec: boolean;
  readonly wordSize: number;
  readonly platform: string;
  /** Column at which names begin in maps, by the kernel's word size: seq_setwidth in show_vma_header_prefix. */
  readonly nameColumn: number;
}

export type LayoutName = "x86-64" | "x86-64-5level" | "ia32" | "ia32-3gb" | "i386";

const TASK_SIZE_47 = 2 ** 47 - PAGE_SIZE;

/** x86-64 with four-level page tables: 47 bits of user space. */
export const X86_64: Layout = {
  name: "x86-64",
  bits: 64,
  compat: false,
  taskSize: TASK_SIZE_47,
  window: TASK_SIZE_47,
  stackTop: TASK_SIZE_47,
  elfEtDynBase: Math.floor(TASK_SIZE_47 / 3) * 2,
  stackMaxRandom: 0x3fffff000,
  random: {
    mmapPages: 2 ** 28,
    stackPages: 2 ** 22,
    stackBytes: 8192,
    programPages: 2 ** 28,
    brkBytes: 2 ** 30,
  },
  map32: { start: 0x40000000, end: 0x80000000 },
  thpAligned: true,
  vsyscall: true,
  impliesExec: false,
  wordSize: 8,
  platform: "x86_64",
  nameColumn: 73,
};

/** x86-64 with five-level page tables: 56 bits of user space, of which a program sees 47 unless it asks. */
export const X86_64_5LEVEL: Layout = { ...X86_64, name: "x86-64-5level", taskSize: 2 ** 56 - PAGE_SIZE };

/** A 32-bit task up to `taskSize`; its PIEs lie above the place where searches from below begin. */
const thirtyTwo = (name: LayoutName, taskSize: number): Layout => ({
  name,
  bits: 32,
  compat: true,
  taskSize,
  window: taskSize,
  stackTop: taskSize,
  elfEtDynBase: alignUp(Math.floor(taskSize / 3), PAGE_SIZE) + 0x1000000,
  stackMaxRandom: 0x7ff000,
  random: {
    mmapPages: 2 ** 8,
    stackPages: 2 ** 11,
    stackBytes: 8192,
    programPages: 2 ** 8,
    brkBytes: 2 ** 25,
  },
  map32: undefined,
  thpAligned: false,
  vsyscall: false,
  impliesExec: true,
  wordSize: 4,
  platform: "i686",
  nameColumn: 73,
});

/** A 32-bit program on a 64-bit kernel: all of its 4 GiB but two pages. */
export const IA32 = thirtyTwo("ia32", 0xffffe000);

/** The same with the ADDR_LIMIT_3GB personality. */
export const IA32_3GB = thirtyTwo("ia32-3gb", 0xc0000000);

/** A 32-bit kernel that keeps the upper of 4 GiB for itself: the classic 3G/1G. */
export const I386: Layout = {
  ...thirtyTwo("i386", 0xc0000000),
  compat: false,
  elfEtDynBase: 0x400000,
  nameColumn: 49,
};

/** Every layout by its name. */
export const LAYOUTS: Readonly<Record<LayoutName, Layout>> = {
  "x86-64": X86_64,
  "x86-64-5level": X86_64_5LEVEL,
  ia32: IA32,
  "ia32-3gb": IA32_3GB,
  i386: I386,
};

/**
 * Where a task's user space ends for the call that it makes now: a 32-bit task on a 64-bit kernel is asked for
 * ADDR_LIMIT_3GB every time.
 *
 * @kernel IA32_PAGE_OFFSET, arch/x86/include/asm/page_64_types.h (6.18)
 */
export function taskSizeOf({ compat, taskSize }: Layout, personality: number): number {
  if (!compat) return taskSize;
  return ((personality & PERSONALITY.ADDR_LIMIT_3GB) !== 0 ? IA32_3GB : IA32).taskSize;
}

/** The stack guard gap, in pages: stack_guard_gap, mm/mmap.c. */
export const STACK_GUARD_GAP = 256;

/** Hints, searches and stack growth stay at or above this: max(vm.mmap_min_addr, the LSM's minimum). */
export const LOW_LIMIT: Vpn = pageOf(0x10000);

/** The execute-only page that every 64-bit process shows last in its maps; not a VMA. */
export const VSYSCALL = { start: pageOf(0xffffffffff600000), end: pageOf(0xffffffffff601000) } as const;

/** Pages of a 2 MiB block: HPAGE_PMD_NR. */
export const PMD_PAGES = 512;

/** Bottom-up searches begin here: TASK_UNMAPPED_BASE, arch/x86/mm/mmap.c. */
export const legacyBase = (layout: Layout, randomPages: number): Vpn =>
  pageOf(alignUp(Math.floor(layout.window / 3), PAGE_SIZE) + randomPages * PAGE_SIZE);

/**
 * Top of the area that searches fill downward.
 *
 * @param stackLimit soft RLIMIT_STACK in bytes at the start of exec, UNLIMITED included
 * @kernel mmap_base, arch/x86/mm/mmap.c (6.18)
 */
export function mmapBase(
  layout: Layout,
  stackLimit: number,
  random: { readonly on: boolean; readonly pages: number },
): Vpn {
  const pad = STACK_GUARD_GAP * PAGE_SIZE + (random.on ? layout.stackMaxRandom : 0);
  const least = 128 * 2 ** 20;
  const most = Math.floor(layout.window / 6) * 5;
  const gap = Math.min(Math.max(stackLimit + pad, least), most);
  return pageOf(alignUp(layout.window - gap - random.pages * PAGE_SIZE, PAGE_SIZE));
}
