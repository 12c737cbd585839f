import { STACK_GUARD_GAP } from "../arch/index.ts";
import { alignDown, done, NO_FILE, PAGE_SIZE, pageOf, type Result, refuse, type Vpn } from "../base/index.ts";
import { charge, type MmEdit, mayExpandVm, VM, VM_DATA_DEFAULT, VM_OPS, VM_STACK, Vma } from "../mm/index.ts";
import { auxNames } from "./auxv.ts";

/** What exec copies onto the stack: counts, and bytes with their terminating zeros. */
export interface ArgSizes {
  readonly argc: number;
  readonly argBytes: number;
  readonly envc: number;
  readonly envBytes: number;
  /** The file name that AT_EXECFN points at. */
  readonly nameBytes: number;
  /** Bytes of the longest of all, where one is known to be long. */
  readonly longest?: number;
}

/** Pages that exec adds below the strings: 128 KiB, setup_arg_pages. */
const STACK_EXPAND = 32;
const RANDOM_BYTES = 16;

/**
 * Lays the strings out from the top of the stack down: 8 zero bytes, the file name, the environment,
 * the arguments.
 *
 * @kernel copy_strings, fs/exec.c (6.18)
 */
export function placeStrings(edit: MmEdit, top: number, sizes: ArgSizes): void {
  const envEnd = top - 8 - sizes.nameBytes;
  const envStart = envEnd - sizes.envBytes;
  edit.set("envEnd", envEnd);
  edit.set("envStart", envStart);
  edit.set("argEnd", envStart);
  edit.set("argStart", envStart - sizes.argBytes);
}

/**
 * Makes the stack VMA that ends at `top`: the strings' pages and 128 KiB, within RLIMIT_STACK.
 *
 * @refuses ENOMEM, EFAULT; exec is past its point of no return then
 * @kernel setup_arg_pages, fs/exec.c (6.18)
 */
export function setupArgPages(edit: MmEdit, top: number, executable: boolean): Result<void> {
  const { soft } = edit.env.limits.stack;
  const end = pageOf(top);
  const strings = end - pageOf(edit.mm.argStart);
  const limit = Math.floor(Math.min(soft, Number.MAX_SAFE_INTEGER) / PAGE_SIZE);
  const pages = Math.max(strings, Math.min(limit, strings + STACK_EXPAND));
  const grows = pages > strings;
  const start = (end - pages) as Vpn;
  const flags = (VM_DATA_DEFAULT | VM_STACK | edit.mm.defFlags | (executable ? VM.EXEC : 0)) & ~VM.LOCKED;
  const expand = mayExpandVm(edit, flags, pages);
  if (grows && !expand.ok) return expand;
  const previous = edit.mm.vmas.findBefore(start);
  if (previous && start - previous.end < STACK_GUARD_GAP && (previous.flags & VM.GROWSDOWN) === 0)
    return refuse("ENOMEM", "the stack guard gap would close");
  const charged = charge(edit, pages);
  if (!charged.ok) return charged;
  const stack = new Vma(start, end, flags, 0, start, NO_FILE, VM_OPS.anon, edit.env.nextAnonVma(), 1);
  edit.replaceVmas([], [stack]);
  return done;
}

/** Where create_elf_tables puts what it writes below the strings, from high to low. Bytes. */
export interface ElfTables {
  readonly platform: number;
  readonly random: number;
  /** The first stack pointer, below pointers and auxiliary vector: recorded as start_stack. */
  readonly stackPointer: number;
}

/**
 * Lays out what the kernel writes below the strings.
 *
 * @kernel create_elf_tables, fs/binfmt_elf.c (6.18)
 */
export function elfTables(edit: MmEdit, sizes: ArgSizes): ElfTables {
  const { layout, argStart } = edit.mm;
  const platform = alignDown(argStart, 16) - (layout.platform.length + 1);
  const random = platform - RANDOM_BYTES;
  return { platform, random, stackPointer: initialStackPointer(edit, sizes, random) };
}

function initialStackPointer(edit: MmEdit, { argc, envc }: ArgSizes, below: number): number {
  const { layout } = edit.mm;
  const auxv = auxNames(edit.env.traits, layout).length * 2 * layout.wordSize;
  const pointers = (argc + 1 + envc + 1 + 1) * layout.wordSize;
  return alignDown(below - auxv - pointers, 16);
}
