import type { Result } from "@pagetrail/core";
import { Argument, InvalidArgumentError, Option } from "commander";
import type { Problem } from "../problem.ts";

/** Takes how a command ended: with an exit code, or a problem. */
export type Settle = (ending: Promise<Result<number, Problem>>) => Promise<void>;

export const POSITIONS = `
POS is an event number, start, end, 50%, line:123 (of the recording), time:1.25 (seconds since its start)
or @name (a bookmark), each also with +N or -N. Beside a long LOG, LOG.checkpoints keeps states of it for the next time.`;

/** The releases that core knows, written out so that --help need not load it. */
export const KERNELS: readonly string[] = ["5.4", "6.1", "6.18"];

export const example = (text: string): string =>
  `\nExamples:\n${text.replaceAll(/^(?=.)/gm, "  pagetrail ")}`;

export const at = (): Option => new Option("--at <pos>", "the moment: behind this event").default("end");
export const checkpointMemory = (): Option =>
  new Option("--checkpoint-memory <mb>", "megabytes that states may take which are kept to seek from")
    .argParser(positive)
    .default(256);
export const json = (): Option => new Option("--json", "print one JSON document");
export const log = (): Argument => new Argument("<log>", "a .ptlog, a .ptlog.gz, or - for standard input");

export const OVERWRITES =
  "\nA log of that name is made anew; any other file is not overwritten. Divergences are no failure.\n";

export const ADDRESSES = `
ADDR is an address in hex, or the first of heap, stack, vdso, a mapped file's name, or a symbol of a mapped file that is
on this machine as it was recorded; each also with +0x10.`;

export const pid = (): Option =>
  new Option("--pid <n>", "the process; otherwise the only or the first one").argParser(natural);

export function natural(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number.");
}

export function positive(text: string): number {
  const n = natural(text);
  if (n > 0) return n;
  throw new InvalidArgumentError("It is at least 1.");
}
