import { LOW_LIMIT } from "../arch/index.ts";
import {
  addressOf,
  done,
  isAligned,
  NO_FILE,
  ok,
  PAGE_SIZE,
  pageOf,
  pagesOf,
  type Result,
  refuse,
  type Vpn,
  type Word,
} from "../base/index.ts";
import { mayExpandVm } from "./limits.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MAP, SHM } from "./mman.ts";
import { gatherVmas, munmapRange, removeVmas } from "./munmap.ts";
import type { OpenFile } from "./open-file.ts";
import { getUnmappedArea } from "./unmapped-area.ts";
import { VM, VM_MAY } from "./vm-flags.ts";
import { VM_OPS, Vma } from "./vma.ts";
import { mergeNew } from "./vma-merge.ts";

/** A System V segment, known by its id. */
export interface ShmSegment {
  readonly id: number;
  readonly key: number;
  /** Bytes as asked for at shmget. */
  readonly size: number;
}

/** The name that maps prints for a segment: /SYSV and eight hex digits of the key. */
export const shmPath = (segment: ShmSegment): string =>
  `/SYSV${(segment.key >>> 0).toString(16).padStart(8, "0")}`;

/**
 * Attaches a segment and answers its address in bytes.
 *
 * @refuses EINVAL (no such segment, address), ENOMEM
 * @kernel do_shmat, ipc/shm.c (6.18)
 */
export function shmat(
  edit: MmEdit,
  segment: ShmSegment | undefined,
  address: Word,
  flags: number,
): Result<number> {
  if (!segment) return refuse("EINVAL", "no such segment");
  const at = attachAddress(address, flags);
  if (!at.ok) return at;
  const pages = pagesOf(segment.size);
  const place = at.value === 0 ? ok(0 as Vpn) : checkFixed(edit, at.value, pages, flags);
  if (!place.ok) return place;
  const readOnly = (flags & SHM.RDONLY) !== 0;
  const file = edit.env.makeFile({
    path: shmPath(segment),
    kind: "shmem",
    readable: true,
    writable: !readOnly,
    deleted: true,
    device: "00:01",
    inode: segment.id,
    size: segment.size,
  });
  const start =
    at.value === 0 ? getUnmappedArea(edit, { pages, hint: 0, flags: MAP.SHARED, pgoff: 0, file }) : place;
  if (!start.ok) return start;
  const mapped = attach(edit, start.value, pages, file, readOnly, (flags & SHM.EXEC) !== 0);
  return mapped.ok ? ok(addressOf(start.value)) : mapped;
}

function attachAddress(address: Word, flags: number): Result<number> {
  if (address === 0)
    return (flags & SHM.REMAP) !== 0 ? refuse("EINVAL", "SHM_REMAP without an address") : ok(0);
  const n = Number(address);
  if (isAligned(address, PAGE_SIZE)) return ok(n);
  if ((flags & SHM.RND) === 0) return refuse("EINVAL", "address is not page-aligned");
  const rounded = n - (n % PAGE_SIZE);
  return rounded === 0 && (flags & SHM.REMAP) !== 0 ? refuse("EINVAL", "SHM_REMAP at 0") : ok(rounded);
}

function checkFixed(edit: MmEdit, address: number, pages: number, flags: number): Result<Vpn> {
  const start = pageOf(address);
  if (address > edit.mm.layout.taskSize - pages * PAGE_SIZE) return refuse("EINVAL", "beyond user space");
  if ((flags & SHM.REMAP) === 0 && edit.mm.vmas.overlaps(start, start + pages))
    return refuse("EINVAL", "the range is in use and SHM_REMAP is not given");
  return start < LOW_LIMIT && !edit.env.capabilities.sysRawio
    ? refuse("EPERM", "below vm.mmap_min_addr")
    : ok(start);
}

function attach(
  edit: MmEdit,
  start: Vpn,
  pages: number,
  file: OpenFile,
  readOnly: boolean,
  exec: boolean,
): Result<void> {
  const end = (start + pages) as Vpn;
  const gathered = gatherVmas(edit, start, end);
  if (!gathered.ok) return gathered;
  let flags = VM.READ | VM_MAY | VM.MAYSHARE | edit.mm.defFlags;
  flags |= readOnly ? 0 : VM.WRITE | VM.SHARED;
  if (readOnly) flags &= ~VM.MAYWRITE;
  if (exec) flags |= VM.EXEC;
  const replaced = gathered.value.reduce((n, v) => n + v.pages, 0);
  const expand = mayExpandVm(edit, flags, pages - replaced);
  if (!expand.ok) return expand;
  if (gathered.value.length > 0) removeVmas(edit, gathered.value);
  mergeNew(edit, new Vma(start, end, flags, 0, 0, file.id, VM_OPS.shm, 0, 0));
  return done;
}

/**
 * Detaches the segment attached at `address`, every part of it that is still mapped.
 *
 * @refuses EINVAL when no segment starts there
 * @kernel ksys_shmdt, ipc/shm.c (6.18)
 */
export function shmdt(edit: MmEdit, address: Word): Result<void> {
  if (!isAligned(address, PAGE_SIZE) || typeof address !== "number")
    return refuse("EINVAL", "address is not page-aligned");
  const at = pageOf(address);
  const from = edit.findVma(at);
  const first = from && firstPart(edit, from, at);
  if (!first) return refuse("EINVAL", "no segment is attached there");
  const size = pagesOf(edit.env.file(first.file).size ?? 0);
  for (const v of edit.mm.vmas.collect(first.start, at + size)) {
    const ofSegment = v.ops === VM_OPS.shm && v.file === first.file && v.start - v.pgoff === at;
    if (ofSegment) {
      const gone = munmapRange(edit, v.start, v.end);
      if (!gone.ok) return gone;
    }
  }
  return done;
}

/** The first mapping whose place and offset say that its segment was attached at `at`. */
function firstPart(edit: MmEdit, from: Vma, at: number): Vma | undefined {
  for (const v of edit.mm.vmas.items(from.start)) {
    if (v.ops === VM_OPS.shm && v.file !== NO_FILE && v.start - v.pgoff === at) return v;
  }
  return undefined;
}
