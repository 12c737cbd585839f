import { isLarge, isPresent, isWritable } from "../arch/index.ts";
import { type FaultEnd, isAnonymous, type MmEdit, VM, VM_OPS, type Vma } from "../mm/index.ts";
import { doAnonymousPage } from "./anonymous.ts";
import { type Fault, type FaultAsker, faultAt, pteIndex } from "./fault.ts";
import { doFault } from "./file.ts";
import { doHugePage, doHugeWpPage, mayBeHuge } from "./huge.ts";
import { doHugetlbFault } from "./hugetlb.ts";
import { doSpecialFault } from "./special.ts";
import { doSwapPage } from "./swap.ts";
import { doWpPage } from "./wp.ts";

/** The errors among the ends: VM_FAULT_ERROR. */
export const isError = (end: FaultEnd): boolean => end !== "done" && end !== "major";

/**
 * Handles a fault at a page of a mapping that allows the access, and counts it where it ends well.
 *
 * @kernel handle_mm_fault, __handle_mm_fault, mm_account_fault, mm/memory.c (6.18)
 */
export function handleMmFault(
  edit: MmEdit,
  vma: Vma,
  page: number,
  write: boolean,
  asker: FaultAsker = "program",
): FaultEnd {
  edit.env.trace?.enter("handle_mm_fault");
  const fault = faultAt(edit, vma, page, write, asker);
  const end = dispatch(fault);
  const { counted } = fault.memory;
  if (end === "major") counted.major++;
  else if (end === "done") counted.minor++;
  return end;
}

function dispatch(fault: Fault): FaultEnd {
  const { pages, page, vma } = fault;
  if (vma.ops === VM_OPS.hugetlb) return doHugetlbFault(fault);
  const above = pages.table.make(1, page, fault.memory.tables);
  const i = pages.table.index(1, page);
  if (above.isEmpty(i)) {
    const end = mayBeHuge(fault) && !isReaped(fault) ? doHugePage(fault) : undefined;
    if (end !== undefined) return end;
  } else if (isLarge(above.words[2 * i] as number)) {
    const end = doHugeWpPage(fault, above, i);
    if (end !== undefined) return end;
  }
  return handlePteFault(fault);
}

/** Whether the page may be gone because the OOM reaper took it: check_stable_address_space. */
const isReaped = ({ edit, vma }: Fault): boolean =>
  edit.mm.unstable === true && (isAnonymous(vma) || (vma.flags & VM.SHARED) === 0);

/** handle_pte_fault: what the lowest table's entry says. */
function handlePteFault(fault: Fault): FaultEnd {
  const { pages, page, vma } = fault;
  const i = pteIndex(fault, page);
  const table = pages.table.find(0, page);
  if (!table || table.isEmpty(i)) {
    if (isReaped(fault)) return "sigbus";
    if (isAnonymous(vma)) return doAnonymousPage(fault);
    return vma.ops.label === undefined ? doFault(fault) : doSpecialFault(fault);
  }
  const own = pages.table.make(0, page, fault.memory.tables);
  const lo = own.words[2 * i] as number;
  if (!isPresent(lo)) return doSwapPage(fault, own);
  return fault.write && !isWritable(lo) ? doWpPage(fault, own) : "done";
}
