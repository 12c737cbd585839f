import { VSYSCALL } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import { type KernelState, traitsOf } from "../kernel/index.ts";
import { type MmStruct, VM, type Vma } from "../mm/index.ts";

/** A page's address as hex text of at least eight digits. */
export const pageAddress = (page: number): string => `${page.toString(16)}000`.padStart(8, "0");

/** r, w, x, and p for private or s for shared. */
export function permissions(v: Vma): string {
  const has = (flag: number, letter: string): string => ((v.flags & flag) !== 0 ? letter : "-");
  return (
    has(VM.READ, "r") + has(VM.WRITE, "w") + has(VM.EXEC, "x") + ((v.flags & VM.MAYSHARE) !== 0 ? "s" : "p")
  );
}

/**
 * The name that maps prints for a VMA, empty for none.
 *
 * @kernel get_vma_name, fs/proc/task_mmu.c (6.18)
 */
export function vmaName(state: KernelState, mm: MmStruct, v: Vma): string {
  if (v.file !== 0) {
    const file = state.files.get(v.file)?.file;
    if (file) return file.path.replaceAll("\n", "\\012") + (file.deleted ? " (deleted)" : "");
  }
  if (v.ops.label) return v.ops.label;
  if (isHeap(state, mm, v)) return "[heap]";
  const inStack = v.start * PAGE_SIZE <= mm.startStack && v.end * PAGE_SIZE >= mm.startStack;
  return inStack && mm.startStack > 0 ? "[stack]" : "";
}

/** Whether a VMA reaches into the break's range, or in some releases only touches it: vma_is_initial_heap. */
function isHeap({ profile }: KernelState, { startBrk, brk }: MmStruct, v: Vma): boolean {
  const [start, end] = [v.start * PAGE_SIZE, v.end * PAGE_SIZE];
  return traitsOf(profile).heapTouches ? start <= brk && end >= startBrk : start < brk && end > startBrk;
}

/** One line of maps without its newline: show_map_vma. */
export function mapsLine(state: KernelState, mm: MmStruct, v: Vma): string {
  const file = v.file === 0 ? undefined : state.files.get(v.file)?.file;
  const offset = v.file === 0 ? "00000000" : pageAddress(v.pgoff);
  const device = file?.device ?? "00:00";
  const prefix = `${pageAddress(v.start)}-${pageAddress(v.end)} ${permissions(v)} ${offset} ${device} ${file?.inode ?? 0} `;
  const name = vmaName(state, mm, v);
  if (name === "") return prefix;
  const { nameColumn } = mm.layout;
  return (prefix.length < nameColumn ? prefix.padEnd(nameColumn) : `${prefix} `) + name;
}

/** The line of the vsyscall page, empty where the process has none. */
export function vsyscallLine(state: KernelState, { layout }: MmStruct): string {
  const { vsyscall } = state.profile;
  if (vsyscall === "none" || !layout.vsyscall) return "";
  const access = vsyscall === "xonly" ? "--xp" : "r-xp";
  const range = `${pageAddress(VSYSCALL.start)}-${pageAddress(VSYSCALL.end)}`;
  return `${`${range} ${access} 00000000 00:00 0 `.padEnd(layout.nameColumn)}[vsyscall]\n`;
}

/**
 * /proc/PID/maps, byte for byte. A task without an address space prints nothing.
 *
 * @kernel show_map, fs/proc/task_mmu.c (6.18)
 */
export function maps(state: KernelState, mm: MmStruct | undefined): string {
  if (!mm) return "";
  const lines: string[] = [];
  mm.vmas.forEach((v) => {
    lines.push(mapsLine(state, mm, v), "\n");
  });
  return lines.join("") + vsyscallLine(state, mm);
}
