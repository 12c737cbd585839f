import type { Request, Word } from "@pagetrail/core";
import { hexOf, type Operation, systemCall } from "../operation.ts";

/** What an instruction does with a byte. */
export type AccessKind = "read" | "write" | "exec";

/** A byte that an instruction touches. */
export interface Access {
  readonly addr: Word;
  readonly kind: AccessKind;
}

/** What one member of a family of processes does. */
export type Deed =
  | {
      readonly request: Request;
      /** The descriptor that stands for the request's file. */
      readonly fd?: number;
    }
  | { readonly access: Access }
  /** The child is the family's next member. */
  | { readonly life: "fork" | "exit" }
  /** Changes the size of a file, in bytes. */
  | { readonly truncate: { readonly fd: number; readonly size: number } }
  /** Writes into a file by a system call; the bytes lie in one page. */
  | { readonly fill: { readonly fd: number; readonly offset: number; readonly length: number } };

/** What a family is asked to do next: the members are counted in the order of their births. */
export type PageOperation = Deed & { readonly member: number };

/** Where a member has its page of instructions: see pages.c. */
export const CODE = 2 ** 40;

/** Bytes for files, in the page of instructions. */
const FILLER = CODE + 2048;

/** What every write puts into memory: an instruction that does nothing. */
export const FILL_BYTE = 0x90;

export const WRITE_MAX = 2048;

const PWRITE = 18;
const FTRUNCATE = 77;

const LETTERS: Readonly<Record<AccessKind, string>> = { read: "r", write: "w", exec: "x" };

/** The line of the program's command language for an operation. */
export function pageCommandOf(operation: PageOperation): string {
  const line = (letter: string, ...numbers: readonly Word[]): string =>
    [letter, ...[operation.member, ...numbers].map(hexOf)].join(" ");
  if ("access" in operation) {
    const { addr, kind } = operation.access;
    return line(LETTERS[kind], addr, FILL_BYTE);
  }
  if ("life" in operation) return line(operation.life === "fork" ? "f" : "q");
  if ("truncate" in operation) return line("s", FTRUNCATE, operation.truncate.fd, operation.truncate.size);
  if ("fill" in operation) {
    const { fd, offset, length } = operation.fill;
    return line("s", PWRITE, fd, FILLER, length, offset);
  }
  const call = systemCall(plain(operation), "x86-64");
  if (!call) throw new Error(`${operation.request.call} is no system call of the program`);
  // mincore needs room for its answer, which the program has.
  const words = call.args.filter((arg): arg is Word => arg !== "@");
  return call.name === "mincore" ? line("v", ...words) : line("s", call.number, ...words);
}

/** The request of one member as an operation of a single process. */
export const plain = ({ request, fd }: Extract<Deed, { request: unknown }>): Operation => ({
  request,
  ...(fd !== undefined && { fd }),
});
