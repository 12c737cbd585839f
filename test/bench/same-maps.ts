import { type KernelState, mmOf } from "@pagetrail/core";
import type { PlainMm } from "./plain-mm.ts";
import { PROCESS } from "./workload.ts";

type Totals = "totalVm" | "execVm" | "dataVm" | "hiwaterVm" | "brk";
const TOTALS: readonly Totals[] = ["totalVm", "execVm", "dataVm", "hiwaterVm", "brk"];

/** Where the model's address space and a plain one differ, in words; undefined when they do not. */
export function mapsDifference(state: KernelState, plain: PlainMm): string | undefined {
  const mm = mmOf(state, PROCESS);
  if (!mm) return "the process has no address space";
  if (mm.vmas.size !== plain.vmas.length) return `${mm.vmas.size} VMAs, plain ${plain.vmas.length}`;
  for (const [i, vma] of mm.vmas.toArray().entries()) {
    const other = plain.vmas[i];
    for (const field of ["start", "end", "flags", "pgoff", "file"] as const)
      if (vma[field] !== other?.[field])
        return `VMA ${i}: ${field} is ${vma[field]}, plain ${other?.[field]}`;
  }
  for (const field of TOTALS)
    if (mm[field] !== plain[field]) return `${field} is ${mm[field]}, plain ${plain[field]}`;
  if (state.committed !== plain.committed) return `committed is ${state.committed}, plain ${plain.committed}`;
  return undefined;
}

/** A race is worth nothing unless both arrive at the same place. */
export function checkSameMaps(state: KernelState, plain: PlainMm): void {
  const difference = mapsDifference(state, plain);
  if (difference !== undefined) throw new Error(`the contenders do not agree: ${difference}`);
}
