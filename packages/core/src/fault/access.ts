import { isDirty, isYoung, mkdirty, mkyoung, PTE, PTE_HI } from "../arch/index.ts";
import { addressOf, addressText, assert, pageOf, rangeText, type Word } from "../base/index.ts";
import {
  type FaultEnd,
  findOrExpand,
  isAccessible,
  type MmEdit,
  type MmPages,
  VM,
  type Vma,
} from "../mm/index.ts";
import type { TablePage, Translation } from "../paging/index.ts";
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

/**
 * A CPU on its way to a page: whether its TLB grants the access, or the walk does, which answers undefined where the
 * tables do not grant it.
 */
export type Mmu = (
  page: number,
  grants: (cached: Translation) => boolean,
  walk: () => Translation | undefined,
) => boolean;

/** Pages above this are not canonical: addresses of 48 bits, or 57 with five levels. */
const CANONICAL = 2 ** 47;
const CANONICAL_5LEVEL = 2 ** 56;

/**
 * One access of a program to `length` bytes at an address: through the page tables where they allow it, else
 * by as many faults as it takes.
 *
 * @param mmu the CPU that the program runs on; absent where TLBs are not modelled
 * @returns undefined when the access succeeds; what stops it at its first byte on a page that cannot be had
 * @kernel do_user_addr_fault, arch/x86/mm/fault.c (6.18)
 */
export function access(
  edit: MmEdit,
  addr: Word,
  length: number,
  kind: AccessKind,
  mmu?: Mmu,
): AccessSignal | OutOfMemory | undefined {
  const { taskSize } = edit.mm.layout;
  let at = addr;
  const end = BigInt(addr) + BigInt(length);
  while (BigInt(at) < end) {
    if (typeof at !== "number" || at >= taskSize) return beyondUserSpace(edit, at);
    const stopped = accessPage(edit, at, kind, mmu);
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

function accessPage(
  edit: MmEdit,
  addr: number,
  kind: AccessKind,
  mmu: Mmu | undefined,
): AccessSignal | OutOfMemory | undefined {
  const page = pageOf(addr);
  for (let tries = 0; tries < MOST_FAULTS; tries++) {
    const mapped = mmu ? translate(edit, page, kind, mmu) : walk(edit, page, kind);
    if (mapped === "granted") return undefined;
    const refused = fault(edit, page, kind, mapped === "refused");
    if (!refused) continue;
    return refused === "oom" ? { oom: true } : { ...refused, addr };
  }
  throw new Error(`the ${kind} at ${addr.toString(16)} faults for ever`);
}

/** What the hardware makes of an access. */
type Verdict = "granted" | "refused" | "absent";

/** Through the TLB. A write to a page that it knows as clean asks the tables, which then say that it is dirty. */
function translate(edit: MmEdit, page: number, kind: AccessKind, mmu: Mmu): Verdict {
  let verdict: Verdict = "granted";
  mmu(
    page,
    ({ lo, hi }) => verdictOf(lo, hi, kind) === "granted" && (kind !== "write" || (lo & PTE.DIRTY) !== 0),
    () => {
      verdict = walk(edit, page, kind);
      return verdict === "granted" && edit.mm.pages ? translationAt(edit.mm.pages, page) : undefined;
    },
  );
  return verdict;
}

/** What the page tables say of a page, as a TLB keeps it; undefined where nothing is there for the hardware. */
export function translationAt(pages: MmPages, page: number): Translation | undefined {
  const table = lastTable(pages, page);
  if (!table) return undefined;
  const at = 2 * pages.table.index(table.level, page);
  const lo = table.words[at] as number;
  if ((lo & PTE.PRESENT) === 0) return undefined;
  const size = pages.table.span(table.level);
  return { vpn: page - (page % size), pages: size, lo, hi: table.words[at + 1] as number };
}

/** The access that the page tables grant sets accessed and dirty bits. */
function walk({ mm: { pages } }: MmEdit, page: number, kind: AccessKind): Verdict {
  const table = pages && lastTable(pages, page);
  if (!table) return "absent";
  const at = 2 * pages.table.index(table.level, page);
  const [lo, hi] = [table.words[at] as number, table.words[at + 1] as number];
  const verdict = verdictOf(lo, hi, kind);
  if (verdict === "granted" && (!isYoung(lo) || (kind === "write" && !isDirty(lo, hi)))) {
    const own = pages.table.own(table.level, page);
    if (own) mkyoung(own.words, at);
    if (own && kind === "write") mkdirty(own.words, at, pages.table.mode.savedDirty);
  }
  return verdict;
}

/** Whether an access to a page would fault, as the page tables stand. */
export function wouldFault(pages: MmPages, page: number, kind: AccessKind): boolean {
  const table = lastTable(pages, page);
  if (!table) return true;
  const at = 2 * pages.table.index(table.level, page);
  return verdictOf(table.words[at] as number, table.words[at + 1] as number, kind) !== "granted";
}

/** The table whose entry decides about a page; undefined where a table above it says that there is none. */
function lastTable({ table }: MmPages, page: number): TablePage | undefined {
  const lowest = table.find(0, page);
  if (lowest) return lowest;
  const last = table.walk(page).at(-1);
  return !last || last.table.isEmpty(last.index) ? undefined : last.table;
}

function verdictOf(lo: number, hi: number, kind: AccessKind): Verdict {
  if ((lo & PTE.PRESENT) === 0) return "absent";
  if (kind === "write" && (lo & PTE.RW) === 0) return "refused";
  return kind === "exec" && (hi & PTE_HI.NX) !== 0 ? "refused" : "granted";
}

type Refused = Pick<AccessSignal, "signal" | "code"> | "oom";

const MAPERR: Refused = { signal: "SIGSEGV", code: "SEGV_MAPERR" };
const ACCERR: Refused = { signal: "SIGSEGV", code: "SEGV_ACCERR" };
const ADRERR: Refused = { signal: "SIGBUS", code: "BUS_ADRERR" };

/** Accesses as a trace has them. */
const VERBS: Readonly<Record<AccessKind, string>> = { read: "read", write: "write", exec: "execute" };

/** @param present the page is mapped, and refused the access */
function fault(edit: MmEdit, page: number, kind: AccessKind, present: boolean): Refused | undefined {
  const { trace } = edit.env;
  trace?.enter("do_user_addr_fault");
  trace?.choose(
    present
      ? `the entry of ${addressText(page)} refuses to ${VERBS[kind]}`
      : `nothing is mapped at ${addressText(page)}`,
  );
  const found = findOrExpand(edit, page);
  if (!found.ok) {
    trace?.choose(found.error.why);
    return MAPERR;
  }
  const vma = edit.lookup(page);
  assert(vma, "the mapping that was found");
  if (isRefused(vma, kind, present)) {
    trace?.choose(`the mapping ${rangeText(vma.start, vma.end)} does not allow to ${VERBS[kind]}`);
    return ACCERR;
  }
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
