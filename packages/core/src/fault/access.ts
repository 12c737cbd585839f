import { isDirty, isYoung, mkdirty, mkyoung, PTE, PTE_HI } from "../arch/index.ts";
import { addressOf, pageOf, type Word } from "../base/index.ts";
import { type FaultEnd, findOrExpand, isAccessible, type MmEdit, VM, type Vma } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import type { AccessKind } from "./fault.ts";
import { handleMmFault, isError } from "./handle-mm-fault.ts";

/** The signal that an access ends in, with si_code and si_addr. */
export interface AccessSignal {
  readonly signal: "SIGSEGV" | "SIGBUS";
  readonly code: "SEGV_MAPERR" | "SEGV_ACCERR" | "BUS_ADRERR" | "SI_KERNEL";
  readonly addr: Word;
}

/** An access that the kernel cannot serve for want of memory: the OOM killer's turn. */
export interface OutOfMemory {
  readonly oom: true;
}

/** Pages above this are not canonical: addresses of 48 bits, or 57 with five levels. */
const CANONICAL = 2 ** 47;
const CANONICAL_5LEVEL = 2 ** 56;

/**
 * One access of a program to `length` bytes at an address: through the page tables where they allow it, else
 * by as many faults as it takes.
 *
 * @returns undefined when the access succeeds; what stops it at its first byte on a page that cannot be had
 * @kernel do_user_addr_fault, arch/x86/mm/fault.c (6.18)
 */
export function access(
  edit: MmEdit,
  addr: Word,
  length: number,
  kind: AccessKind,
): AccessSignal | OutOfMemory | undefined {
  const { taskSize } = edit.mm.layout;
  let at = addr;
  const end = BigInt(addr) + BigInt(length);
  while (BigInt(at) < end) {
    if (typeof at !== "number" || at >= taskSize) return beyondUserSpace(edit, at);
    const stopped = accessPage(edit, at, kind);
    if (stopped) return stopped;
    at = addressOf(pageOf(at) + 1);
  }
  return undefined;
}

/** An address that is not canonical is no page fault but a general protection fault, which has no address. */
function beyondUserSpace(edit: MmEdit, addr: Word): AccessSignal {
  const top = edit.mm.layout.taskSize > CANONICAL ? CANONICAL_5LEVEL : CANONICAL;
  const canonical = addr < top || BigInt(addr) >= 2n ** 64n - BigInt(top);
  if (!canonical) return { signal: "SIGSEGV", code: "SI_KERNEL", addr: 0 };
  return { signal: "SIGSEGV", code: "SEGV_MAPERR", addr };
}

/** Faults that one access may take: a page comes in, is copied, and then refuses to be executed. */
const MOST_FAULTS = 8;

function accessPage(edit: MmEdit, addr: number, kind: AccessKind): AccessSignal | OutOfMemory | undefined {
  const page = pageOf(addr);
  for (let tries = 0; tries < MOST_FAULTS; tries++) {
    const mapped = translate(edit, page, kind);
    if (mapped === "granted") return undefined;
    const refused = fault(edit, page, kind, mapped === "refused");
    if (!refused) continue;
    return refused === "oom" ? { oom: true } : { ...refused, addr };
  }
  throw new Error(`the ${kind} at ${addr.toString(16)} faults for ever`);
}

/** What the hardware makes of an access: it sets accessed and dirty bits where it is granted. */
function translate(edit: MmEdit, page: number, kind: AccessKind): "granted" | "refused" | "absent" {
  const { pages } = edit.mm;
  if (!pages) return "absent";
  let table: TablePage | undefined = pages.table.find(0, page);
  if (!table) {
    const last = pages.table.walk(page).at(-1);
    if (!last || last.table.isEmpty(last.index)) return "absent";
    table = last.table;
  }
  const { level } = table;
  const at = 2 * pages.table.index(level, page);
  const [lo, hi] = [table.words[at] as number, table.words[at + 1] as number];
  if ((lo & PTE.PRESENT) === 0) return "absent";
  if (kind === "write" && (lo & PTE.RW) === 0) return "refused";
  if (kind === "exec" && (hi & PTE_HI.NX) !== 0) return "refused";
  if (!isYoung(lo) || (kind === "write" && !isDirty(lo, hi))) {
    const own = pages.table.own(level, page);
    if (own) mkyoung(own.words, at);
    if (own && kind === "write") mkdirty(own.words, at, pages.table.mode.savedDirty);
  }
  return "granted";
}

type Refused = Pick<AccessSignal, "signal" | "code"> | "oom";

const MAPERR: Refused = { signal: "SIGSEGV", code: "SEGV_MAPERR" };
const ACCERR: Refused = { signal: "SIGSEGV", code: "SEGV_ACCERR" };
const ADRERR: Refused = { signal: "SIGBUS", code: "BUS_ADRERR" };

/** @param present the page is mapped, and refused the access */
function fault(edit: MmEdit, page: number, kind: AccessKind, present: boolean): Refused | undefined {
  const found = findOrExpand(edit, page);
  const vma = edit.lookup(page);
  if (!found.ok || !vma) return MAPERR;
  if (isRefused(vma, kind, present)) return ACCERR;
  return signalOf(handleMmFault(edit, vma, page, kind === "write"));
}

/** access_error, arch/x86/mm/fault.c: what the mapping does not allow. */
function isRefused(vma: Vma, kind: AccessKind, present: boolean): boolean {
  if (kind === "write") return (vma.flags & VM.WRITE) === 0;
  return present || !isAccessible(vma);
}

function signalOf(end: FaultEnd): Refused | undefined {
  if (!isError(end)) return undefined;
  if (end === "oom") return "oom";
  return end === "sigsegv" ? MAPERR : ADRERR;
}
