import { LOW_LIMIT, PERSONALITY, PMD_PAGES } from "../arch/index.ts";
import {
  addressOf,
  done,
  type FileId,
  isAligned,
  NO_FILE,
  ok,
  PAGE_SIZE,
  pageOf,
  pagesText,
  type Result,
  rangeText,
  refuse,
  type Vpn,
  type Word,
  wrapAlignUp,
} from "../base/index.ts";
import { hugeIndex } from "./huge-pmd.ts";
import { canKsm } from "./ksm.ts";
import { canDoMlock, charge, mayExpandVm, mayLock } from "./limits.ts";
import { mappingOf } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import { hugeSizeCode, LEGACY_MAP_MASK, MAP, PROT } from "./mman.ts";
import { accountedPages, gatherVmas, munmapRange, removeVmas } from "./munmap.ts";
import type { OpenFile } from "./open-file.ts";
import { mmPopulate } from "./populate.ts";
import { type Entry, getUnmappedArea } from "./unmapped-area.ts";
import { VM, VM_LOCKED_MASK, VM_MAY, VMH } from "./vm-flags.ts";
import { neverLocked, VM_OPS, Vma, type VmOps } from "./vma.ts";
import { mergeMapping } from "./vma-merge.ts";

export interface MmapRequest {
  readonly address: Word;
  readonly length: Word;
  readonly prot: number;
  readonly flags: number;
  /** Bytes. */
  readonly offset: Word;
  /** The open file behind the descriptor; "none" when the descriptor is not open. */
  readonly file?: OpenFile | "none" | undefined;
  /** The entry that the call came through; absent for the task's own. */
  readonly entry?: Entry | undefined;
  /** exec's own mapping of a program, which forbids writing to the file in some releases. */
  readonly program?: true;
}

/** A mapping as its type and file allow it. */
interface Kind {
  flags: number;
  readonly high: number;
  readonly pgoff: number;
  /** Its id is NO_FILE while the kernel still has to make it: once nothing can refuse the mapping. */
  readonly file: OpenFile | undefined;
  readonly ops: VmOps;
}

/** file_mmap_size_max: device files and what cannot be mapped at all have the whole of 64 bits. */
const maxFileBytes = (file: OpenFile): bigint =>
  file.kind === "zero" || file.kind === "unmappable" ? 2n ** 64n - 1n : 2n ** 63n - 1n;

/**
 * Maps `length` bytes and answers the address in bytes.
 *
 * @refuses in the kernel's order: EINVAL, EBADF, ENOMEM, EPERM, EEXIST, EAGAIN, EOVERFLOW, EACCES, ENODEV …;
 * a refusal by a limit leaves the boundary splits of MAP_FIXED in place, as the kernel does
 * @kernel ksys_mmap_pgoff, do_mmap, mm/mmap.c; __mmap_region, mm/vma.c (6.18)
 */
export function mmap(edit: MmEdit, request: MmapRequest): Result<number> {
  const backing = chooseBacking(request);
  if (!backing.ok) return backing;
  const file = backing.value;
  const length = file?.kind === "hugetlb" ? inHugePages(request.length, file) : request.length;
  if (length === 0) return refuse("EINVAL", "length is zero");
  const bytes = wrapAlignUp(length, PAGE_SIZE);
  if (bytes === 0) return refuse("ENOMEM", "length wraps");
  const { trace } = edit.env;
  trace?.enter("do_mmap");
  if (edit.mapCount > edit.env.sysctl.maxMapCount)
    return refuse("ENOMEM", `more mappings than max_map_count (${edit.env.sysctl.maxMapCount})`);
  trace?.check(`${edit.mapCount} mappings <= max_map_count ${edit.env.sysctl.maxMapCount}`);

  const flags = normalFlags(request.flags);
  const prot = impliedProt(edit, request.prot, file);
  const place = choosePlace(edit, request, flags, bytes, file);
  if (!place.ok) return place;
  const start = place.value;
  const end = start + Number(bytes) / PAGE_SIZE;
  if ((flags & MAP.FIXED_NOREPLACE) !== 0 && edit.mm.vmas.overlaps(start, end))
    return refuse("EEXIST", "MAP_FIXED_NOREPLACE over an existing mapping");

  trace?.choose(`the mapping goes to ${rangeText(start, end)}`);
  const wanted = vmFlags(edit, prot, flags, request.program === true);
  const lock = checkLock(edit, flags, wanted, end - start);
  if (!lock.ok) return lock;
  const kind = file
    ? fileKind(edit, file, request, flags, prot, wanted, bytes)
    : anonymousKind(edit, flags, wanted, start, end);
  if (!kind.ok) return kind;
  if (!isReserved(edit, kind.value, flags)) kind.value.flags |= VM.NORESERVE;
  const mapped = mmapRegion(edit, start, end, kind.value, (flags & MAP.FIXED) !== 0);
  if (!mapped.ok) return mapped;
  const populates = (flags & (MAP.POPULATE | MAP.NONBLOCK)) === MAP.POPULATE;
  if (populates || (wanted & VM.LOCKED) !== 0) mmPopulate(edit, start, end, "ignore");
  return ok(addressOf(start));
}

/** The file behind the mapping. */
function chooseBacking(request: MmapRequest): Result<OpenFile | undefined> {
  const { flags } = request;
  if (!isAligned(request.offset, PAGE_SIZE)) return refuse("EINVAL", "offset is not page-aligned");
  if ((flags & MAP.ANONYMOUS) === 0) {
    const file = request.file;
    if (file === undefined || file === "none") return refuse("EBADF", "the descriptor is not open");
    if (file.kind !== "hugetlb" && (flags & MAP.HUGETLB) !== 0)
      return refuse("EINVAL", "MAP_HUGETLB on an ordinary file");
    return ok(file);
  }
  return (flags & MAP.HUGETLB) === 0 ? done : hugetlbBacking(flags);
}

/** A mapping of huge pages is made longer before anything looks at its length. */
const inHugePages = (length: Word, file: OpenFile): Word =>
  wrapAlignUp(length, (file.hugePages ?? PMD_PAGES) * PAGE_SIZE);

/** hugetlb_file_setup: an unlinked file of huge pages, which the mapping itself will reserve from the pool. */
function hugetlbBacking(flags: number): Result<OpenFile> {
  const code = hugeSizeCode(flags);
  if (code !== 0 && code !== 21 && code !== 30) return refuse("EINVAL", `no huge pages of 2^${code} bytes`);
  const hugePages = code === 30 ? PMD_PAGES * 512 : PMD_PAGES;
  const file: OpenFile = {
    id: NO_FILE,
    path: "/anon_hugepage",
    kind: "hugetlb",
    readable: true,
    writable: true,
    deleted: true,
    hugePages,
  };
  return ok(file);
}

const normalFlags = (flags: number): number =>
  (flags & MAP.FIXED_NOREPLACE) !== 0 ? flags | MAP.FIXED : flags;

/** READ_IMPLIES_EXEC adds execution to readable memory, except where the mount forbids it. */
function impliedProt(edit: MmEdit, prot: number, file: OpenFile | undefined): number {
  const implied = (edit.env.personality & PERSONALITY.READ_IMPLIES_EXEC) !== 0 && (prot & PROT.READ) !== 0;
  return implied && !file?.noexec ? prot | PROT.EXEC : prot;
}

function choosePlace(
  edit: MmEdit,
  request: MmapRequest,
  flags: number,
  bytes: Word,
  file: OpenFile | undefined,
): Result<Vpn> {
  const { taskSize } = edit;
  if (bytes > taskSize) return refuse("ENOMEM", "longer than the address space");
  const pages = Number(bytes) / PAGE_SIZE;
  if ((flags & MAP.FIXED) === 0) {
    return getUnmappedArea(edit, {
      pages,
      hint: roundHint(request.address, taskSize),
      flags,
      pgoff: file ? Number(request.offset) / PAGE_SIZE : 0,
      file,
      entry: request.entry,
    });
  }
  const { address } = request;
  if (address > taskSize - Number(bytes)) return refuse("ENOMEM", "the range leaves user space");
  const { mmapMinAddr } = edit.env.sysctl;
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "MAP_FIXED address is not page-aligned");
  if (file?.kind === "hugetlb" && !isAligned(address, (file.hugePages ?? PMD_PAGES) * PAGE_SIZE))
    return refuse("EINVAL", "address is not aligned to the huge page size");
  if (address < mmapMinAddr && !edit.env.capabilities.sysRawio)
    return refuse("EPERM", `below vm.mmap_min_addr (${mmapMinAddr}) without CAP_SYS_RAWIO`);
  return ok(pageOf(Number(address)));
}

/** round_hint_to_min: hints start at a page, and never below what may be mapped. */
function roundHint(address: Word, taskSize: number): number {
  const page = address > taskSize ? taskSize / PAGE_SIZE : pageOf(Number(address));
  return page > 0 && page < LOW_LIMIT ? LOW_LIMIT : page;
}

/** calc_vm_prot_bits, calc_vm_flag_bits and what every mapping gets. */
function vmFlags(edit: MmEdit, prot: number, flags: number, program: boolean): number {
  let vm = (prot & (PROT.READ | PROT.WRITE | PROT.EXEC)) | VM_MAY | edit.mm.defFlags;
  if ((flags & MAP.GROWSDOWN) !== 0) vm |= VM.GROWSDOWN;
  if ((flags & MAP.LOCKED) !== 0) vm |= VM.LOCKED;
  if ((flags & MAP.SYNC) !== 0) vm |= VM.SYNC;
  const { mapStackNoHuge, denyWrite } = edit.env.traits;
  if (mapStackNoHuge && (flags & MAP.STACK) !== 0) vm |= VM.NOHUGEPAGE;
  if (denyWrite && program) vm |= VM.DENYWRITE;
  return vm;
}

function checkLock(edit: MmEdit, flags: number, vm: number, pages: number): Result<void> {
  if ((flags & MAP.LOCKED) !== 0 && !canDoMlock(edit.env)) return refuse("EPERM", "RLIMIT_MEMLOCK is 0");
  if ((vm & VM.LOCKED) !== 0 && !mayLock(edit, pages)) return refuse("EAGAIN", "RLIMIT_MEMLOCK");
  return done;
}

function anonymousKind(edit: MmEdit, flags: number, vm: number, start: number, end: number): Result<Kind> {
  const type = flags & MAP.TYPE;
  if (type === MAP.DROPPABLE && !edit.env.traits.mapDroppable)
    return refuse("EINVAL", "this release has no MAP_DROPPABLE");
  const grows = (flags & MAP.GROWSDOWN) !== 0;
  switch (type) {
    case MAP.SHARED:
      if (grows) return refuse("EINVAL", "MAP_GROWSDOWN cannot be shared");
      return ok({
        flags: vm | VM.SHARED | VM.MAYSHARE,
        high: 0,
        pgoff: 0,
        file: sharedAnonymous(end - start),
        ops: VM_OPS.shmem,
      });
    case MAP.PRIVATE:
      return ok({ flags: vm, high: 0, pgoff: start, file: undefined, ops: VM_OPS.anon });
    case MAP.DROPPABLE:
      if (grows || (flags & (MAP.LOCKED | MAP.HUGETLB)) !== 0)
        return refuse("EINVAL", "MAP_DROPPABLE with LOCKED, HUGETLB or GROWSDOWN");
      return ok({
        flags: vm | VM.NORESERVE | VM.WIPEONFORK | VM.DONTDUMP,
        high: VMH.DROPPABLE,
        pgoff: start,
        file: undefined,
        ops: VM_OPS.anon,
      });
    default:
      return refuse("EINVAL", `mapping type ${type} is none for anonymous memory`);
  }
}

/** What stands behind shared anonymous memory: an unlinked shmem file, not made yet. */
const sharedAnonymous = (pages: number): OpenFile => ({
  id: NO_FILE,
  path: "/dev/zero",
  kind: "shmem",
  readable: true,
  writable: true,
  deleted: true,
  device: "00:01",
  size: pages * PAGE_SIZE,
});

/** The checks of a file mapping in do_mmap's order. */
function fileKind(
  edit: MmEdit,
  file: OpenFile,
  request: MmapRequest,
  mapFlags: number,
  prot: number,
  wanted: number,
  bytes: Word,
): Result<Kind> {
  const { offset } = request;
  const small = typeof offset === "number" && typeof bytes === "number";
  if (!small && BigInt(offset) + BigInt(bytes) > maxFileBytes(file))
    return refuse("EOVERFLOW", "the mapping passes the largest file offset");
  const pgoff = small ? offset / PAGE_SIZE : Number(BigInt(offset) / BigInt(PAGE_SIZE));
  const type = mapFlags & MAP.TYPE;
  let vm = wanted;
  if (type === MAP.SHARED || type === MAP.SHARED_VALIDATE) {
    const shared = sharedFileFlags(edit, file, mapFlags, prot, vm);
    if (!shared.ok) return shared;
    vm = shared.value;
  } else if (type !== MAP.PRIVATE) {
    return refuse("EINVAL", `mapping type ${type} is none for a file`);
  }
  if (!file.readable) return refuse("EACCES", "the file is not open for reading");
  if (file.noexec) {
    if ((prot & PROT.EXEC) !== 0) return refuse("EPERM", "the file is on a noexec mount");
    vm &= ~VM.MAYEXEC;
  }
  if (file.kind === "unmappable") return refuse("ENODEV", "this kind of file cannot be mapped");
  if ((mapFlags & MAP.GROWSDOWN) !== 0) return refuse("EINVAL", "MAP_GROWSDOWN on a file");
  if (file.writeSealed && (vm & VM.SHARED) !== 0 && edit.env.traits.sealedReads) {
    if ((vm & VM.WRITE) !== 0) return refuse("EPERM", "the memfd is sealed against writing");
    vm &= ~VM.MAYWRITE;
  }
  return ok(fileOps(file, vm, pgoff));
}

function sharedFileFlags(
  edit: MmEdit,
  file: OpenFile,
  flags: number,
  prot: number,
  vm: number,
): Result<number> {
  const legacy = edit.env.traits.mapAbove4G ? LEGACY_MAP_MASK : LEGACY_MAP_MASK & ~MAP.ABOVE4G;
  // FOP_MMAP_SYNC: such a file system knows the flag, and refuses it only when all else is granted.
  const known = legacy | MAP.SHARED_VALIDATE | (file.kind === "disk" ? MAP.SYNC : 0);
  if ((flags & MAP.TYPE) === MAP.SHARED_VALIDATE && (flags & ~known) !== 0)
    return refuse("EOPNOTSUPP", "MAP_SHARED_VALIDATE with a flag that the file does not know");
  if ((prot & PROT.WRITE) !== 0 && !file.writable)
    return refuse("EACCES", "shared and writable, but the file is not open for writing");
  if ((prot & PROT.WRITE) !== 0 && file.swapFile)
    return refuse("ETXTBSY", "shared and writable, but it is swapped to");
  if (file.appendOnly && file.writable)
    return refuse("EACCES", "shared, but the file may only be appended to");
  const shared = vm | VM.SHARED | VM.MAYSHARE;
  return ok(file.writable ? shared : shared & ~(VM.MAYWRITE | VM.SHARED));
}

function fileOps(file: OpenFile, flags: number, pgoff: number): Kind {
  const high = 0;
  switch (file.kind) {
    case "zero":
      // A private mapping of /dev/zero is anonymous memory that keeps its file's name.
      return (flags & VM.MAYSHARE) === 0
        ? { flags, high, pgoff, file, ops: VM_OPS.anon }
        : { flags, high, pgoff, file, ops: VM_OPS.shmem };
    case "shmem":
      return { flags, high, pgoff, file, ops: VM_OPS.shmem };
    case "shm":
      return { flags, high, pgoff, file, ops: VM_OPS.shm };
    case "secret":
      return { flags, high, pgoff, file, ops: VM_OPS.secret };
    case "aio":
      return { flags: flags | VM.DONTEXPAND, high, pgoff, file, ops: VM_OPS.aio };
    case "hugetlb":
      return { flags: flags | VM.HUGETLB | VM.DONTEXPAND, high, pgoff, file, ops: VM_OPS.hugetlb };
    default:
      return { flags, high, pgoff, file, ops: VM_OPS.file };
  }
}

/** Whether MAP_NORESERVE is absent, or does not count: strict overcommit overrules it. */
function isReserved(edit: MmEdit, kind: Kind, flags: number): boolean {
  if ((flags & MAP.NORESERVE) === 0) return true;
  return edit.env.sysctl.overcommitMemory === 2 && kind.file?.kind !== "hugetlb";
}

const NOTHING: Result<readonly Vma[]> = ok([]);

/** accountable_mapping: private, writable, and not excused from overcommit. */
const isAccountable = (kind: Kind): boolean =>
  kind.file?.kind !== "hugetlb" && (kind.flags & (VM.NORESERVE | VM.SHARED | VM.WRITE)) === VM.WRITE;

/**
 * Files that live until a call has replaced mappings of them: the one that it maps itself, and those of huge pages,
 * since the last reference goes when the call returns. What they had reserved comes too late for it.
 */
function heldFiles(old: readonly Vma[], kind: Kind): ReadonlySet<FileId> {
  const held = new Set<FileId>();
  for (const { file, ops } of old)
    if (file !== NO_FILE && (file === kind.file?.id || ops === VM_OPS.hugetlb)) held.add(file);
  return held;
}

/** __mmap_region: replaces what stood in [start, end), which only MAP_FIXED can find, by one new mapping. */
function mmapRegion(edit: MmEdit, start: number, end: number, kind: Kind, fixed: boolean): Result<void> {
  if (edit.mm.mdwe !== 0 && (kind.flags & (VM.WRITE | VM.EXEC)) === (VM.WRITE | VM.EXEC))
    return refuse("EACCES", "PR_SET_MDWE: writable and executable");
  edit.env.trace?.enter("__mmap_region");
  if (edit.env.traits.fixedUnmaps === "first") return mmapRegionUnmapsFirst(edit, start, end, kind);
  const gathered = fixed ? gatherVmas(edit, start, end) : NOTHING;
  if (!gathered.ok) return gathered;
  const old = gathered.value;
  const pages = end - start;
  const held = heldFiles(old, kind);
  const replaced = old.reduce((sum, v) => sum + v.pages, 0);
  if (old.length > 0)
    edit.env.trace?.choose(`MAP_FIXED takes away ${pagesText(replaced)} that are mapped there`);
  const expand = mayExpandVm(edit, kind.flags, pages - replaced);
  if (!expand.ok) return expand;
  if (isAccountable(kind)) {
    const charged = charge(edit, pages - accountedPages(old));
    if (!charged.ok) return charged;
    edit.env.commitment.committed += accountedPages(old);
    kind.flags |= VM.ACCOUNT;
  }
  for (const id of held) edit.env.fileMapped(id, 1);
  if (old.length > 0) removeVmas(edit, old);
  const placed = placeNew(edit, start, end, kind);
  for (const id of held) edit.env.fileMapped(id, -1);
  return placed;
}

/**
 * The same in the releases that take away what stood there before they ask for memory, so that a refusal may
 * leave a hole; a limit that is reached leaves all as it was.
 *
 * @kernel mmap_region, mm/mmap.c (5.4, 6.1)
 */
function mmapRegionUnmapsFirst(edit: MmEdit, start: number, end: number, kind: Kind): Result<void> {
  const pages = end - start;
  const old = edit.mm.vmas.collect(start, end);
  const held = heldFiles(old, kind);
  const replaced = old.reduce((sum, v) => sum + Math.min(v.end, end) - Math.max(v.start, start), 0);
  const expand = mayExpandVm(edit, kind.flags, pages - replaced);
  if (!expand.ok) return expand;
  for (const id of held) edit.env.fileMapped(id, 1);
  const placed = placeCleared(edit, start, end, kind);
  for (const id of held) edit.env.fileMapped(id, -1);
  return placed;
}

function placeCleared(edit: MmEdit, start: number, end: number, kind: Kind): Result<void> {
  const cleared = munmapRange(edit, start, end);
  if (!cleared.ok) return refuse("ENOMEM", `the range cannot be cleared: ${cleared.error.why}`);
  const charged = isAccountable(kind) ? end - start : 0;
  const paid = charge(edit, charged);
  if (!paid.ok) return paid;
  if (charged > 0) kind.flags |= VM.ACCOUNT;
  const placed = placeNew(edit, start, end, kind);
  if (!placed.ok) edit.env.commitment.committed -= charged;
  return placed;
}

/** __mmap_new_vma: the range is empty now, and stays so when the file's own mmap hook refuses. */
function placeNew(edit: MmEdit, start: number, end: number, kind: Kind): Result<void> {
  if (kind.file?.writeSealed && (kind.flags & VM.SHARED) !== 0 && !edit.env.traits.sealedReads)
    return refuse("EPERM", "the memfd is sealed against writing");
  const granted = askFile(edit, kind, end - start);
  if (!granted.ok) return granted;
  const flags = kind.flags | mergeableFlag(edit, kind);
  const backing = makeBacking(edit, kind, end - start);
  if (!backing.ok) return backing;
  const file = backing.value;
  const id = file?.id ?? NO_FILE;
  const made = new Vma(start as Vpn, end as Vpn, flags, kind.high, kind.pgoff, id, kind.ops, 0, 0);
  const vma = reserveHuge(edit, made, file);
  // A lock that such memory cannot hold is taken off only after the attempt to merge, which it foiled.
  if ((flags & VM.LOCKED) !== 0 && neverLocked(vma)) edit.addVma(vma.reflagged(flags & ~VM_LOCKED_MASK));
  else mergeMapping(edit, vma);
  return done;
}

/** What a file's own mmap hook refuses, or adds to the flags: secretmem_mmap_prepare, mm/secretmem.c. */
function askFile(edit: MmEdit, kind: Kind, pages: number): Result<void> {
  if ((kind.flags & VM.SYNC) !== 0 && kind.file?.kind === "disk")
    return refuse("EOPNOTSUPP", "MAP_SYNC without DAX");
  if (kind.ops === VM_OPS.hugetlb) return mayReserveHuge(edit, kind, pages);
  if (kind.ops !== VM_OPS.secret) return done;
  if ((kind.flags & VM.MAYSHARE) === 0) return refuse("EINVAL", "secret memory is always shared");
  if (!mayLock(edit, pages)) return refuse("EAGAIN", "RLIMIT_MEMLOCK");
  kind.flags |= VM.LOCKED | VM.DONTDUMP;
  return done;
}

/** hugetlbfs_file_mmap, fs/hugetlbfs/inode.c: what it reserves has to be in the pool, which has 2 MiB pages only. */
function mayReserveHuge(edit: MmEdit, kind: Kind, pages: number): Result<void> {
  const { file, pgoff } = kind;
  const size = file?.hugePages ?? PMD_PAGES;
  if (pgoff % size !== 0) return refuse("EINVAL", "the offset is not aligned to the huge page size");
  if ((kind.flags & VM.NORESERVE) !== 0) return done;
  const pool = size === PMD_PAGES ? edit.env.memory?.pool : undefined;
  const free = pool?.available ?? (size === PMD_PAGES ? edit.env.sysctl.hugePages : 0);
  const [from, count] = [pgoff / size, pages / size];
  const wanted =
    pool && file && (kind.flags & VM.MAYSHARE) !== 0 && file.id !== NO_FILE
      ? pool.missing(mappingOf(file), from, from + count)
      : count;
  return wanted > free ? refuse("ENOMEM", `${wanted} huge pages to reserve, ${free} in the pool`) : done;
}

/** hugetlb_reserve_pages, mm/hugetlb.c: shared mappings reserve for their file, private ones for themselves. */
function reserveHuge(edit: MmEdit, vma: Vma, file: OpenFile | undefined): Vma {
  const pool = edit.env.memory?.pool;
  if (!pool || !file || vma.ops !== VM_OPS.hugetlb || (vma.flags & VM.NORESERVE) !== 0) return vma;
  const [from, to] = [hugeIndex(vma, vma.start), hugeIndex(vma, vma.end)];
  if ((vma.flags & VM.MAYSHARE) === 0) return vma.withResv(pool.reservePrivate(to - from));
  pool.reserveShared(mappingOf(file), from, to);
  return vma;
}

/** ksm_vma_flags: under PR_SET_MEMORY_MERGE what can be is mergeable from the start. */
const mergeableFlag = (edit: MmEdit, kind: Kind): number =>
  edit.mm.mergeAny && canKsm(kind) ? VM.MERGEABLE : 0;

/**
 * The file that the mapping holds. Shared anonymous memory, to which a shared mapping of /dev/zero turns,
 * gets a new one: shmem_zero_setup, which charges it whole.
 */
function makeBacking(edit: MmEdit, kind: Kind, pages: number): Result<OpenFile | undefined> {
  const { file } = kind;
  if (!file) return done;
  const zero = kind.ops === VM_OPS.shmem && (file.kind === "zero" || file.id === NO_FILE);
  if (!zero) return ok(file.id === NO_FILE ? edit.env.makeFile(file) : file);
  const charged = (kind.flags & VM.NORESERVE) === 0 ? pages : 0;
  const paid = charge(edit, charged);
  return paid.ok ? ok(edit.env.makeFile({ ...sharedAnonymous(pages), charged })) : paid;
}
