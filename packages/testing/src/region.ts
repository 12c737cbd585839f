import { addressOf, MAP, type Outcome, PROT, type Request } from "@pagetrail/core";
import type { Machine } from "./machine.ts";

/** A request of mmap. */
export type Mmap = Extract<Request, { call: "mmap" }>;

/** A request for private anonymous writable memory, with whatever is different about it. */
export const anonymous = (length: number, more: Partial<Mmap> = {}): Mmap => ({
  call: "mmap",
  addr: 0,
  length,
  prot: PROT.READ | PROT.WRITE,
  flags: MAP.PRIVATE | MAP.ANONYMOUS,
  offset: 0,
  file: 0,
  ...more,
});

/** The same with flags on top of private anonymous. */
export const flagged = (length: number, flags: number, addr = 0): Mmap =>
  anonymous(length, { flags: MAP.PRIVATE | MAP.ANONYMOUS | flags, addr });

/** An outcome as text: a hex value, or an errno. */
export function told(outcome: Outcome): string {
  if ("ret" in outcome) return outcome.ret.toString(16);
  if ("errno" in outcome) return outcome.errno;
  return "gone" in outcome ? outcome.gone : `${outcome.signal} ${outcome.code}`;
}

/** Ranges of the mappings as `start-end` in hex bytes. */
export const ranges = (machine: Machine): readonly string[] =>
  machine
    .mm()
    .vmas.toArray()
    .map((v) => `${addressOf(v.start).toString(16)}-${addressOf(v.end).toString(16)}`);
