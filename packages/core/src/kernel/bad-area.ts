import { pageOf, rangeText, type Trace, type Word, wordHex } from "../base/index.ts";
import { type MmStruct, VM, type Vma } from "../mm/index.ts";

/**
 * Writes down why a fault ended in the signal that killed: what lies at its address.
 *
 * @kernel do_user_addr_fault, arch/x86/mm/fault.c (6.18)
 */
export function traceBadArea(mm: MmStruct, addr: Word, code: string | undefined, trace: Trace): void {
  trace.enter("do_user_addr_fault");
  if (typeof addr !== "number" || addr >= mm.layout.taskSize) {
    trace.choose(`${wordHex(addr)} is no address of user space`);
    return;
  }
  const page = pageOf(addr);
  const vma = mm.vmas.find(page);
  if (vma) trace.choose(`${wordHex(addr)} lies in ${rangeText(vma.start, vma.end)}, ${reason(vma, code)}`);
  else {
    const next = mm.vmas.findFrom(page);
    const above = next ? `: the next one above is ${rangeText(next.start, next.end)}` : "";
    trace.choose(`no mapping contains ${wordHex(addr)}${above}`);
  }
}

function reason({ flags }: Vma, code: string | undefined): string {
  if (code === "BUS_ADRERR") return "behind the end of what is mapped there";
  const may = [
    ...((flags & VM.READ) === 0 ? [] : ["read"]),
    ...((flags & VM.WRITE) === 0 ? [] : ["written"]),
    ...((flags & VM.EXEC) === 0 ? [] : ["executed"]),
  ];
  return may.length === 0 ? "which must not be accessed at all" : `which may only be ${may.join(" and ")}`;
}
