import {
  addressOf,
  done,
  NO_FILE,
  PAGE_SIZE,
  pageOf,
  type Result,
  refuse,
  type Vpn,
  type Word,
} from "../base/index.ts";
import { findOrExpand } from "./expand-stack.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { AioRing } from "./mm-struct.ts";
import { MAP, PROT } from "./mman.ts";
import { mmap } from "./mmap.ts";
import { munmapRange } from "./munmap.ts";
import { VM } from "./vm-flags.ts";
import { isAccessible, VM_OPS, Vma } from "./vma.ts";
import { pageOfWord } from "./vma-walk.ts";

/** Bytes of an event in a ring, and of the ring's head before the first. */
const EVENT = 32;
const MOST_EVENTS = 0x10000000 / EVENT;

/** fs.aio-max-nr as it is unless somebody changes it; what other processes have of it is not known. */
const AIO_MAX_NR = 65536;

/**
 * Sets up asynchronous I/O and answers its context, which is the address of the ring that it maps. A ring has
 * room for twice the events asked for, or for some of each processor.
 *
 * @param cpus processors that the machine may have
 * @refuses EINVAL, EAGAIN; ENOMEM for whatever mmap refuses
 * @kernel ioctx_alloc, aio_setup_ring, fs/aio.c (6.18)
 */
export function ioSetup(edit: MmEdit, events: number, cpus: number): Result<number> {
  if (events === 0) return refuse("EINVAL", "room for no events");
  const wanted = Math.max(events, cpus * 4) * 2;
  if (wanted > MOST_EVENTS) return refuse("EINVAL", "too many events");
  if (events > AIO_MAX_NR) return refuse("EAGAIN", `more events than fs.aio-max-nr (${AIO_MAX_NR})`);
  const pages = ringPages(wanted);
  const mapped = mmap(edit, {
    address: 0,
    length: pages * PAGE_SIZE,
    prot: PROT.READ | PROT.WRITE,
    flags: MAP.SHARED,
    offset: 0,
    file: { id: NO_FILE, ...RING_FILE },
  });
  if (!mapped.ok) return refuse("ENOMEM", mapped.error.why);
  addRing(edit, pageOf(mapped.value), pages);
  return mapped;
}

/**
 * Maps a ring where a recording has it, as long as `ioSetup` would make it.
 *
 * @returns the VMA, for the caller to put in its place, and then `adopt` to give the ring its context
 */
export function ringAt(
  edit: MmEdit,
  start: Vpn,
  events: number,
  cpus: number,
): { readonly vma: Vma; adopt(): void } {
  const pages = ringPages(Math.max(events, cpus * 4) * 2);
  const file = edit.env.makeFile(RING_FILE);
  const vma = new Vma(start, (start + pages) as Vpn, RING_FLAGS, 0, 0, file.id, VM_OPS.aio, 0, 0);
  return { vma, adopt: () => addRing(edit, start, pages) };
}

const RING_FLAGS = VM.READ | VM.WRITE | VM.SHARED | VM.MAYREAD | VM.MAYWRITE | VM.MAYSHARE | VM.DONTEXPAND;

const ringPages = (events: number): number => Math.ceil((EVENT + EVENT * (events + 2)) / PAGE_SIZE);

/** Gives a ring that is mapped from `start` on its context, under the lowest number that is free. */
function addRing(edit: MmEdit, start: Vpn, pages: number): void {
  const rings = [...(edit.mm.rings ?? [])];
  const free = rings.indexOf(undefined);
  rings[free < 0 ? rings.length : free] = { file: edit.lookup(start)?.file ?? NO_FILE, start, pages };
  edit.set("rings", rings);
}

const RING_FILE = {
  path: "/[aio]",
  kind: "aio",
  readable: true,
  writable: true,
  deleted: true,
  noexec: true,
} as const;

/**
 * Ends a context of asynchronous I/O: unmaps as many pages as its ring had from where it is now, whatever is
 * there.
 *
 * @refuses EINVAL where no ring of this process answers for the address
 * @kernel SYSCALL_DEFINE1(io_destroy), lookup_ioctx, kill_ioctx, fs/aio.c (6.18)
 */
export function ioDestroy(edit: MmEdit, context: Word): Result<void> {
  // The kernel reads there first, as the program would: a stack grows to it.
  findOrExpand(edit, pageOfWord(context));
  const number = numberAt(edit, pageOfWord(context));
  const ring = number === undefined ? undefined : edit.mm.rings?.[number];
  if (number === undefined || !ring || addressOf(ring.start) !== context)
    return refuse("EINVAL", "no such context");
  setRing(edit, number, undefined);
  munmapRange(edit, ring.start, ring.start + ring.pages);
  return done;
}

/**
 * The ring's number that the kernel reads at a page: a ring has it in its first page, and whatever else may stand
 * there is supposed to hold 0. Undefined where nothing can be read.
 */
function numberAt(edit: MmEdit, page: number): number | undefined {
  const vma = edit.lookup(page);
  if (!vma || !isAccessible(vma)) return undefined;
  const { rings = [] } = edit.mm;
  const number = rings.findIndex((ring) => ring?.file === vma.file && vma.ops === VM_OPS.aio);
  const pgoff = vma.pgoff + (page - vma.start);
  if (number >= 0 && pgoff >= (rings[number]?.pages ?? 0)) return undefined;
  return number >= 0 && pgoff === 0 ? number : 0;
}

/**
 * Tells a ring's context that it, or a part of it, moves.
 *
 * @refuses EINVAL for a ring whose context is gone, or another process's
 * @kernel aio_ring_mremap, fs/aio.c (6.18)
 */
export function moveRing(edit: MmEdit, vma: Vma, to: number): Result<void> {
  if (vma.ops !== VM_OPS.aio) return done;
  const { rings = [] } = edit.mm;
  const number = rings.findIndex((ring) => ring?.file === vma.file);
  const ring = rings[number];
  if (!ring) return refuse("EINVAL", "the context of this ring is gone");
  setRing(edit, number, { ...ring, start: to as Vpn });
  return done;
}

function setRing(edit: MmEdit, number: number, ring: AioRing | undefined): void {
  const rings = [...(edit.mm.rings ?? [])];
  rings[number] = ring;
  edit.set("rings", rings.some((one) => one !== undefined) ? rings : undefined);
}
