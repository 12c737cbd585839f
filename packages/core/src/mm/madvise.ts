import type { KernelTraits, LaterAdvice } from "../arch/index.ts";
import {
  done,
  isAligned,
  ok,
  PAGE_SIZE,
  type Result,
  rangeText,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import { anonVmaPrepare } from "./anon-vma.ts";
import { collapse } from "./collapse.ts";
import { installGuardMarkers, removeGuardMarkers } from "./guard-region.ts";
import { canKsm } from "./ksm.ts";
import { coolPages, dontNeedPages, freePages, pageOut, punchPages, readAheadPages } from "./madvise-pages.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MADV } from "./mman.ts";
import { gathered } from "./mmu-gather.ts";
import { isSealed } from "./munmap.ts";
import { endOfObject } from "./populate.ts";
import { VM, VM_SPECIAL, VMH } from "./vm-flags.ts";
import { isAnonymous, VM_OPS, type Vma } from "./vma.ts";
import { maySplit, vmaModify } from "./vma-merge.ts";
import { pageOfWord, walkVmas } from "./vma-walk.ts";

const KNOWN: ReadonlySet<number> = new Set(
  Object.values(MADV).filter((a) => a !== MADV.HWPOISON && a !== MADV.SOFT_OFFLINE),
);

/** Advice that came later than the oldest release that is modelled, by the name that its trait has. */
const LATER: ReadonlyMap<number, LaterAdvice> = new Map(
  (
    [
      "POPULATE_READ",
      "POPULATE_WRITE",
      "DONTNEED_LOCKED",
      "COLLAPSE",
      "GUARD_INSTALL",
      "GUARD_REMOVE",
    ] as const
  ).map((name) => [MADV[name], name]),
);

function isKnown({ lacksAdvice }: KernelTraits, advice: number): boolean {
  if (!KNOWN.has(advice)) return false;
  const later = LATER.get(advice);
  return later === undefined || !lacksAdvice.has(later);
}

/** Advice that throws contents away: what a seal forbids on memory that cannot be written. */
const DESTRUCTIVE: ReadonlySet<number> = new Set([
  MADV.FREE,
  MADV.DONTNEED,
  MADV.DONTNEED_LOCKED,
  MADV.REMOVE,
  MADV.DONTFORK,
  MADV.WIPEONFORK,
  MADV.GUARD_INSTALL,
]);

/** Advice that flushes what it takes from all mappings at once: madvise_batch_tlb_flush. */
const GATHERED: ReadonlySet<number> = new Set([MADV.DONTNEED, MADV.DONTNEED_LOCKED, MADV.FREE]);

/**
 * Gives advice about [address, address + length).
 *
 * @refuses EINVAL, EPERM, EACCES, EAGAIN; a hole is passed over and refused with ENOMEM at the end
 * @kernel do_madvise, mm/madvise.c (6.18)
 */
export function madvise(edit: MmEdit, address: Word, length: Word, advice: number): Result<void> {
  edit.env.trace?.enter("do_madvise");
  if (!isKnown(edit.env.traits, advice)) return refuse("EINVAL", `unknown advice ${advice}`);
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const bytes = wrapAlignUp(length, PAGE_SIZE);
  if (length !== 0 && bytes === 0) return refuse("EINVAL", "length wraps");
  const end = wrapAdd(address, bytes);
  if (end < address) return refuse("EINVAL", "range wraps");
  if (end === address) return done;
  const from = pageOfWord(address);
  const to = pageOfWord(end);
  if (advice === MADV.POPULATE_READ || advice === MADV.POPULATE_WRITE)
    return populate(edit, from, to, advice);
  const walk = (): Result<void> =>
    walkVmas(edit, from, to, (vma, s, e) => adviseVma(edit, vma, s, e, advice));
  return GATHERED.has(advice) ? gathered(edit, walk) : walk();
}

/** madvise_populate: prefaults, stopping at the first hole. */
function populate(edit: MmEdit, from: number, to: number, advice: number): Result<void> {
  const write = advice === MADV.POPULATE_WRITE;
  for (let at = from; at < to; ) {
    const vma = edit.lookup(at);
    if (!vma) return refuse("ENOMEM", "the range has a hole");
    const needed = write ? VM.WRITE : VM.READ;
    const forbidden = (vma.flags & (VM.IO | VM.PFNMAP)) !== 0 || vma.ops === VM_OPS.secret;
    if (forbidden || (vma.flags & needed) === 0)
      return refuse("EINVAL", "the mapping does not allow this access");
    const refused = faultIn(edit, vma, at, Math.min(vma.end, to), write);
    if (refused) return refused;
    at = vma.end;
  }
  return done;
}

/** Prefaults a part of one VMA: madvise_populate, which names what a fault came to as its errno. */
function faultIn(
  edit: MmEdit,
  vma: Vma,
  start: number,
  end: number,
  write: boolean,
): Result<never> | undefined {
  const { memory } = edit.env;
  if (memory) {
    const ended = memory.faults.faultIn(edit, vma, start, end, write);
    if (ended === "oom") return refuse("ENOMEM", "no free page");
    return ended === "done" || ended === "major" ? undefined : refuse("EFAULT", `a fault ends in ${ended}`);
  }
  if (end > endOfObject(edit, vma)) return refuse("EFAULT", "no memory behind the range");
  if (write && (vma.flags & VM.SHARED) === 0) anonVmaPrepare(edit, vma);
  return undefined;
}

function adviseVma(edit: MmEdit, vma: Vma, start: number, end: number, advice: number): Result<unknown> {
  edit.env.trace?.enter("madvise_vma_behavior");
  edit.env.trace?.choose(`the advice is about ${rangeText(start, end)}`);
  if (isSealed(vma) && DESTRUCTIVE.has(advice) && isAnonymous(vma) && (vma.flags & VM.WRITE) === 0)
    return refuse("EPERM", "the mapping is sealed");
  const pageAdvice = advisePages(edit, vma, start, end, advice);
  if (pageAdvice) return pageAdvice;
  const flags = advisedFlags(vma, advice);
  if (!flags.ok) return flags;
  if (flags.value === vma.flags) return done;
  const modified = vmaModify(edit, vma, start, end, flags.value);
  return modified.ok || modified.error.errno !== "ENOMEM" ? modified : refuse("EAGAIN", modified.error.why);
}

/** Memory whose pages advice cannot give back. */
const UNRECLAIMED = VM.LOCKED | VM.PFNMAP | VM.HUGETLB;

/** Advice about pages rather than flags; undefined for the other kind. */
function advisePages(
  edit: MmEdit,
  vma: Vma,
  start: number,
  end: number,
  advice: number,
): Result<unknown> | undefined {
  const { flags } = vma;
  switch (advice) {
    case MADV.WILLNEED:
      readAheadPages(edit, vma, start, end);
      return done;
    case MADV.DONTNEED:
      if ((flags & VM.HUGETLB) !== 0 && !edit.env.traits.dontneedHugetlb)
        return refuse("EINVAL", "huge pages stay");
      return dropPages(edit, vma, start, end, VM.LOCKED | VM.PFNMAP);
    case MADV.DONTNEED_LOCKED:
      return dropPages(edit, vma, start, end, VM.PFNMAP);
    case MADV.FREE:
      if (!isAnonymous(vma)) return refuse("EINVAL", "MADV_FREE is for anonymous memory");
      if ((flags & UNRECLAIMED) !== 0) return refuse("EINVAL", "locked or special memory");
      freePages(edit, start, end);
      return done;
    case MADV.COLD:
    case MADV.PAGEOUT:
      if ((flags & UNRECLAIMED) !== 0) return refuse("EINVAL", "locked or special memory");
      if (advice === MADV.COLD) coolPages(edit, start, end);
      else pageOut(edit, vma, start, end);
      return done;
    case MADV.REMOVE:
      return removePages(edit, vma, start, end);
    case MADV.COLLAPSE:
      return collapse(edit, vma, start, end);
    case MADV.GUARD_INSTALL:
      return installGuards(edit, vma, start, end);
    case MADV.GUARD_REMOVE:
      if ((flags & (VM_SPECIAL | VM.HUGETLB)) !== 0)
        return refuse("EINVAL", "special memory holds no guards");
      removeGuardMarkers(edit, start, end);
      return done;
    default:
      return undefined;
  }
}

/** madvise_dontneed_free_valid_vma: huge pages go only from a boundary of theirs on, as many as are whole. */
function dropPages(edit: MmEdit, vma: Vma, start: number, end: number, kept: number): Result<void> {
  if ((vma.flags & kept) !== 0) return refuse("EINVAL", "locked or special memory");
  if (!maySplit(vma, start) && vma.ops === VM_OPS.hugetlb)
    return refuse("EINVAL", "not aligned to the huge page size");
  dontNeedPages(edit, vma, start, end);
  return done;
}

function removePages(edit: MmEdit, vma: Vma, start: number, end: number): Result<void> {
  if ((vma.flags & VM.LOCKED) !== 0) return refuse("EINVAL", "locked memory");
  const file = vma.file === 0 ? undefined : edit.env.file(vma.file);
  if (!file) return refuse("EINVAL", "no file to punch a hole in");
  const needed = VM.SHARED | (edit.env.traits.removeNeedsMaywrite ? VM.MAYWRITE : VM.WRITE);
  if ((vma.flags & needed) !== needed) return refuse("EACCES", "the mapping cannot write its file");
  if (file.kind === "aio") return refuse("ENODEV", "a ring has no holes");
  if (file.kind === "secret") return refuse("EOPNOTSUPP", "secret memory has no holes");
  punchPages(edit, vma, start, end);
  return done;
}

/** madvise_guard_install: marks the whole VMA; anonymous memory gets its anon_vma. */
function installGuards(edit: MmEdit, vma: Vma, start: number, end: number): Result<void> {
  if ((vma.flags & (VM_SPECIAL | VM.HUGETLB | VM.LOCKED)) !== 0)
    return refuse("EINVAL", "locked or special memory holds no guards");
  const prepared = isAnonymous(vma) ? anonVmaPrepare(edit, vma) : vma;
  if ((prepared.flags & VM.MAYBE_GUARD) === 0)
    edit.replaceVma(prepared, prepared.reflagged(prepared.flags | VM.MAYBE_GUARD));
  installGuardMarkers(edit, vma, start, end);
  return done;
}

/** madvise_vma_behavior's flag changes. */
function advisedFlags(vma: Vma, advice: number): Result<number> {
  const { flags } = vma;
  switch (advice) {
    case MADV.NORMAL:
      return ok(flags & ~(VM.RAND_READ | VM.SEQ_READ));
    case MADV.SEQUENTIAL:
      return ok((flags & ~VM.RAND_READ) | VM.SEQ_READ);
    case MADV.RANDOM:
      return ok((flags & ~VM.SEQ_READ) | VM.RAND_READ);
    case MADV.DONTFORK:
      return ok(flags | VM.DONTCOPY);
    case MADV.DOFORK:
      return (flags & VM.IO) !== 0 ? refuse("EINVAL", "device memory") : ok(flags & ~VM.DONTCOPY);
    case MADV.WIPEONFORK:
      if (vma.file !== 0 || (flags & VM.SHARED) !== 0)
        return refuse("EINVAL", "not private anonymous memory");
      return ok(flags | VM.WIPEONFORK);
    case MADV.KEEPONFORK:
      if ((vma.high & VMH.DROPPABLE) !== 0) return refuse("EINVAL", "droppable memory is always wiped");
      return ok(flags & ~VM.WIPEONFORK);
    case MADV.DONTDUMP:
      return ok(flags | VM.DONTDUMP);
    case MADV.DODUMP:
      if (((flags & VM_SPECIAL) !== 0 && (flags & VM.HUGETLB) === 0) || (vma.high & VMH.DROPPABLE) !== 0)
        return refuse("EINVAL", "special or droppable memory");
      return ok(flags & ~VM.DONTDUMP);
    case MADV.MERGEABLE:
      return ok(canKsm(vma) ? flags | VM.MERGEABLE : flags);
    case MADV.UNMERGEABLE:
      return ok(flags & ~VM.MERGEABLE);
    case MADV.HUGEPAGE:
      return ok((flags & ~VM.NOHUGEPAGE) | VM.HUGEPAGE);
    case MADV.NOHUGEPAGE:
      return ok((flags & ~VM.HUGEPAGE) | VM.NOHUGEPAGE);
    default:
      return ok(flags);
  }
}
