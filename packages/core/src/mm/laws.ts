import type { Violation } from "../base/index.ts";
import { taskPages } from "./mm-edit.ts";
import type { MmStruct } from "./mm-struct.ts";
import { VM } from "./vm-flags.ts";
import { statOf, type Vma } from "./vma.ts";

/** VMAs are sorted, disjoint and inside user space, and begin at a whole page of what is behind them. */
export function* orderLaw(mm: MmStruct): Iterable<Violation> {
  const where = `mm ${mm.id}`;
  let previous: Vma | undefined;
  for (const vma of mm.vmas.items()) {
    const at = `${vma.start.toString(16)}-${vma.end.toString(16)}`;
    if (previous && previous.end > vma.start)
      yield { law: "order", where, what: `${at} overlaps its neighbour` };
    if (!Number.isSafeInteger(vma.pgoff) || vma.pgoff < 0)
      yield { law: "order", where, what: `${at} begins at page ${vma.pgoff} of what is behind it` };
    if (vma.end > taskPages(mm)) yield { law: "order", where, what: `${at} leaves user space` };
    previous = vma;
  }
  for (const what of mm.vmas.check()) yield { law: "order", where, what };
}

/** Every counter equals the sum that it abbreviates; locked_vm may only be above it (MREMAP_DONTUNMAP). */
export function* accountingLaw(mm: MmStruct): Iterable<Violation> {
  const sums = { totalVm: 0, execVm: 0, stackVm: 0, dataVm: 0, locked: 0 };
  for (const vma of mm.vmas.items()) {
    sums.totalVm += vma.pages;
    if ((vma.flags & VM.LOCKED) !== 0) sums.locked += vma.pages;
    const stat = statOf(vma.flags);
    if (stat !== "none") sums[`${stat}Vm`] += vma.pages;
  }
  const where = `mm ${mm.id}`;
  for (const field of ["totalVm", "execVm", "stackVm", "dataVm"] as const) {
    if (mm[field] !== sums[field])
      yield { law: "accounting", where, what: `${field} is ${mm[field]}, its VMAs sum to ${sums[field]}` };
  }
  if (mm.lockedVm < sums.locked)
    yield { law: "accounting", where, what: `lockedVm is ${mm.lockedVm}, its VMAs sum to ${sums.locked}` };
}
