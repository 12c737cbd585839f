import { assert } from "./assert.ts";

declare const unit: unique symbol;
type Unit<T, Name extends string> = T & { readonly [unit]: Name };

/** A virtual page number: address / 4096. Exact for any 64-bit address. */
export type Vpn = Unit<number, "Vpn">;
/** A user virtual address in bytes, below 2^53. */
export type Vaddr = Unit<number, "Vaddr">;
export type MmId = Unit<number, "MmId">;

/** init_mm: the kernel's own address space, the reference of every kernel half, never freed. */
export const INIT_MM = 1 as MmId;
export type FileId = Unit<number, "FileId">;
export type Pid = Unit<number, "Pid">;
/** Position of an event in a log, counted from 1; 0 is the moment before the first. */
export type Seq = Unit<number, "Seq">;

export const PAGE_SIZE = 4096;

function mint(n: number, what: string): number {
  assert(Number.isSafeInteger(n) && n >= 0, `${what} ${n}`);
  return n;
}

export const vpn = (n: number): Vpn => mint(n, "page number") as Vpn;
export const vaddr = (n: number): Vaddr => mint(n, "address") as Vaddr;
export const fileId = (n: number): FileId => mint(n, "file id") as FileId;
export const pid = (n: number): Pid => mint(n, "pid") as Pid;
export const seq = (n: number): Seq => mint(n, "seq") as Seq;

/** No open file stands behind a private anonymous mapping. */
export const NO_FILE = 0 as FileId;

export const pageOf = (address: number): Vpn => Math.floor(address / PAGE_SIZE) as Vpn;
export const addressOf = (page: number): Vaddr => (page * PAGE_SIZE) as Vaddr;

/** Pages that `bytes` touch when they start on a page boundary. */
export const pagesOf = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);
export const alignDown = (n: number, to: number): number => Math.floor(n / to) * to;
export const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** Lower-case hex text, as addresses are written everywhere outside. */
export const hex = (n: number): string => `0x${n.toString(16)}`;
