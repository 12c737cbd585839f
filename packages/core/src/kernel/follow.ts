import { addressOf, NO_FILE, PAGE_SIZE, pageOf, type Vpn } from "../base/index.ts";
import {
  brkPage,
  changeProtection,
  MAP,
  type MmEdit,
  MREMAP,
  PROT_RWX,
  policyText,
  ringAt,
  supposeTouched,
  supposeWritten,
  taskPages,
  unmapRegion,
  VM,
  VM_ACCESS_FLAGS,
  VM_DATA_DEFAULT,
  VM_MAY,
  VM_OPS,
  VMH,
  Vma,
} from "../mm/index.ts";
import { execve } from "../process/index.ts";
import type { Asked } from "./execute.ts";
import { followInKernel } from "./kspace.ts";
import { isFileId, type Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Makes the state follow a recording that contradicts the model: what the recording says happened is
 * done without asking whether it may, and what it says failed is not done.
 */
export function follow(tx: Transaction, asked: Asked): void {
  const { tid, request: r, outcome: recorded } = asked;
  tx.actFor(tid);
  if ("ret" in recorded) followInKernel(tx, r, recorded.ret);
  if (asked.seq !== undefined) tx.now = asked.seq;
  const task = tx.peekTask(tid);
  if (!task || task.mm === 0 || !("ret" in recorded)) return;
  if (r.call === "execve" && r.load) {
    execve(tx, task, r.load);
    return;
  }
  const edit = tx.edit(tx.mm(task.mm), task);
  const at = Number(recorded.ret);
  if (asked.ran) supposeTouched(edit, asked.ran === "loading");
  else if (asked.wrote !== undefined) supposeWritten(edit, pageOf(asked.wrote));
  followMemory(tx, edit, r, at);
}

const pagesIn = (bytes: number | bigint): number => Math.ceil(Number(bytes) / PAGE_SIZE);

function followMemory(tx: Transaction, edit: MmEdit, r: Request, at: number): void {
  switch (r.call) {
    case "mmap":
      place(edit, pageOf(at), pagesIn(r.length), mappedFrom(tx, edit, r, pageOf(at)));
      break;
    case "shmat":
      attachShm(tx, edit, r, pageOf(at));
      break;
    case "munmap":
      clear(edit, pageOf(Number(r.addr)), pageOf(Number(r.addr)) + pagesIn(r.length));
      break;
    case "mprotect":
      reflag(edit, r.addr, r.length, (v) => v.reflagged((v.flags & ~VM_ACCESS_FLAGS) | (r.prot & PROT_RWX)));
      break;
    case "mseal":
      reflag(edit, r.addr, r.length, (v) => v.reflagged(v.flags, v.high | VMH.SEALED));
      break;
    case "mlock":
      reflag(edit, r.addr, r.length, (v) => v.reflagged(v.flags | VM.LOCKED));
      break;
    case "munlock":
      reflag(edit, r.addr, r.length, (v) => v.reflagged(v.flags & ~(VM.LOCKED | VM.LOCKONFAULT)));
      break;
    case "io_setup": {
      const { vma, adopt } = ringAt(edit, pageOf(at), r.events, r.cpus);
      place(edit, vma.start, vma.pages, vma);
      adopt();
      break;
    }
    case "mbind":
      reflag(edit, r.addr, r.length, (v) => v.withPolicy(policyText(r.mode, r.nodes)));
      break;
    case "mremap":
      move(edit, r, pageOf(at));
      break;
    case "brk":
      moveBreak(edit, at);
      break;
    default:
      break;
  }
}

/** Empties a range, whatever stood there. */
function clear(edit: MmEdit, start: number, end: number): void {
  if (end > start) exchange(edit, start, end, []);
}

/** Puts a mapping where the recording has it; one outside user space cannot have been there. */
function place(edit: MmEdit, start: number, pages: number, vma: Vma | undefined): void {
  if (vma && pages > 0 && start + pages <= taskPages(edit.mm)) exchange(edit, start, start + pages, [vma]);
}

/**
 * Puts other VMAs into a range at one stroke: a file that leaves and comes back is not lost between. Pages that
 * were there go.
 */
function exchange(edit: MmEdit, start: number, end: number, inside: readonly Vma[]): void {
  const old = edit.mm.vmas.collect(start, end);
  const below = old.filter((v) => v.start < start).map((v) => v.resized(v.start, start));
  const above = old.filter((v) => v.end > end).map((v) => v.resized(end, v.end));
  unmapRegion(
    edit,
    old.map((v) => v.resized(Math.max(v.start, start), Math.min(v.end, end))),
  );
  edit.replaceVmas(old, [...below, ...inside, ...above]);
}

function mappedFrom(
  tx: Transaction,
  edit: MmEdit,
  r: Request & { call: "mmap" },
  start: Vpn,
): Vma | undefined {
  const pages = pagesIn(r.length);
  if (pages === 0) return undefined;
  const file = isFileId(r.file) ? tx.peekFile(r.file) : undefined;
  const shared = (r.flags & MAP.SHARED) !== 0;
  const behind =
    file ??
    (shared
      ? edit.env.makeFile({ path: "/dev/zero", kind: "shmem", readable: true, writable: true, deleted: true })
      : undefined);
  const flags = (r.prot & PROT_RWX) | VM_MAY | (shared ? VM.SHARED | VM.MAYSHARE : 0);
  const pgoff = file ? pageOf(Number(r.offset)) : shared ? 0 : start;
  const ops = file ? VM_OPS.file : shared ? VM_OPS.shmem : VM_OPS.anon;
  return new Vma(start, (start + pages) as Vpn, flags, 0, pgoff, behind?.id ?? NO_FILE, ops, 0, 0);
}

function attachShm(tx: Transaction, edit: MmEdit, r: Request & { call: "shmat" }, start: Vpn): void {
  const { size = PAGE_SIZE, mapping } = tx.peekShm(r.shm) ?? {};
  const file = edit.env.makeFile({
    path: "/SYSV",
    kind: "shm",
    readable: true,
    writable: true,
    deleted: true,
    size,
    ...(mapping === undefined ? {} : { mapping }),
  });
  const flags = VM.READ | VM.WRITE | VM.SHARED | VM.MAYSHARE | VM_MAY;
  const pages = pagesIn(size);
  place(edit, start, pages, new Vma(start, (start + pages) as Vpn, flags, 0, 0, file.id, VM_OPS.shm, 0, 0));
}

function reflag(edit: MmEdit, addr: number | bigint, length: number | bigint, change: (v: Vma) => Vma): void {
  const start = pageOf(Number(addr));
  const end = start + pagesIn(length);
  if (end <= start) return;
  const old = edit.mm.vmas.collect(start, end);
  const changed = old.flatMap((v) => [
    ...(v.start < start ? [v.resized(v.start, start)] : []),
    change(v.resized(Math.max(v.start, start), Math.min(v.end, end))),
    ...(v.end > end ? [v.resized(end, v.end)] : []),
  ]);
  edit.replaceVmas(old, changed);
  for (const v of edit.mm.vmas.collect(start, end))
    changeProtection(edit, Math.max(v.start, start), Math.min(v.end, end));
}

function move(edit: MmEdit, r: Request & { call: "mremap" }, to: Vpn): void {
  const from = pageOf(Number(r.addr));
  const oldPages = pagesIn(r.oldLength);
  const newPages = pagesIn(r.newLength);
  const source = edit.lookup(from);
  if (!source || newPages === 0) return;
  const pgoff = source.pgoff + (from - source.start);
  const keep = (r.flags & MREMAP.DONTUNMAP) !== 0 || oldPages === 0;
  const held = source.file;
  if (held !== NO_FILE) edit.env.fileMapped(held, 1);
  if (!keep) clear(edit, from, from + oldPages);
  place(edit, to, newPages, source.movedTo({ start: to, end: (to + newPages) as Vpn }, pgoff));
  if (held !== NO_FILE) edit.env.fileMapped(held, -1);
}

function moveBreak(edit: MmEdit, to: number): void {
  const { mm } = edit;
  if (mm.startBrk === 0 || to < mm.startBrk) {
    edit.set("startBrk", to);
    edit.set("brk", to);
    return;
  }
  const from = brkPage(mm.brk);
  const target = brkPage(to);
  if (target < from) clear(edit, target, from);
  if (target > from) {
    const heap = new Vma(from, target, VM_DATA_DEFAULT | VM.ACCOUNT, 0, from, NO_FILE, VM_OPS.anon, 0, 0);
    place(edit, from, target - from, heap);
  }
  edit.set("brk", Math.max(to, addressOf(brkPage(mm.startBrk))));
}
