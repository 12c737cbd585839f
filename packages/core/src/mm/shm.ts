import {
  done,
  type FileId,
  isAligned,
  NO_FILE,
  ok,
  PAGE_SIZE,
  pageOf,
  pagesOf,
  type Result,
  refuse,
  type Word,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MAP, PROT, SHM } from "./mman.ts";
import { mmap } from "./mmap.ts";
import { munmapRange } from "./munmap.ts";
import type { OpenFile } from "./open-file.ts";
import { VM_OPS, type Vma } from "./vma.ts";

/** A System V segment, known by its id. */
export interface ShmSegment {
  readonly id: number;
  readonly key: number;
  /** Bytes as asked for at shmget. */
  readonly size: number;
  /** What the page cache knows its pages by, whoever attaches it; absent where pages are not modelled. */
  readonly mapping?: FileId;
}

/** The name that maps prints for a segment: /SYSV and eight hex digits of the key. */
export const shmPath = (segment: ShmSegment): string =>
  `/SYSV${(segment.key >>> 0).toString(16).padStart(8, "0")}`;

/**
 * Attaches a segment and answers its address in bytes.
 *
 * @refuses EINVAL (no such segment, address), and what mmap refuses
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
  const { start, fixed } = at.value;
  const replaces = !fixed || (flags & SHM.REMAP) !== 0;
  if (!replaces && edit.mm.vmas.overlaps(pageOf(start), pageOf(start) + pagesOf(segment.size)))
    return refuse("EINVAL", "the range is in use and SHM_REMAP is not given");
  const readOnly = (flags & SHM.RDONLY) !== 0;
  const file: OpenFile = {
    id: NO_FILE,
    path: shmPath(segment),
    kind: "shm",
    readable: true,
    writable: !readOnly,
    deleted: true,
    device: "00:01",
    inode: segment.id,
    size: segment.size,
    charged: pagesOf(segment.size),
    ...(segment.mapping === undefined ? {} : { mapping: segment.mapping }),
  };
  const prot = PROT.READ | (readOnly ? 0 : PROT.WRITE) | ((flags & SHM.EXEC) !== 0 ? PROT.EXEC : 0);
  return mmap(edit, {
    address: start,
    length: segment.size,
    prot,
    flags: MAP.SHARED | (fixed ? MAP.FIXED : 0),
    offset: 0,
    file,
  });
}

/** Where the segment must go; SHM_RND may round an address down to 0, which stays a fixed one. */
function attachAddress(
  address: Word,
  flags: number,
): Result<{ readonly start: number; readonly fixed: boolean }> {
  const remap = (flags & SHM.REMAP) !== 0;
  if (address === 0)
    return remap ? refuse("EINVAL", "SHM_REMAP without an address") : ok({ start: 0, fixed: false });
  const n = Number(address);
  if (isAligned(address, PAGE_SIZE)) return ok({ start: n, fixed: true });
  if ((flags & SHM.RND) === 0) return refuse("EINVAL", "address is not page-aligned");
  const start = n - (n % PAGE_SIZE);
  return start === 0 && remap ? refuse("EINVAL", "SHM_REMAP at 0") : ok({ start, fixed: true });
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
    // A part that mremap made longer than the segment ends the search, unless it is the first.
    if (v !== first && v.end - at > size) break;
    const ofSegment = v.ops === VM_OPS.shm && v.file === first.file && v.start - v.pgoff === at;
    // A part that may not go stays, and nobody is told.
    if (ofSegment) munmapRange(edit, v.start, v.end);
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
