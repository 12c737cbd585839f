import { PerfReader } from "./reader.ts";

export type PerfGuess = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** More than this is not looked at. */
const ENOUGH = 65_536;

/** Of the lines of a text by perf script, this share at least can be read. */
const LEAST_SHARE = 0.5;

const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^PERFILE2/, "perf's binary data: write it out with perf script"],
  [/^\s*\d+\.\d+ \( *(?:\d+\.\d+ ms)?\s*\): /m, "the output of perf trace"],
  [/^# tracer: /m, "the text of the kernel's own trace buffer"],
  [/^(?:Attaching \d+ probes?\.\.\.|@[\w[])/m, "the output of bpftrace"],
  [/^(?:\[pid \d+\] |\d+ +)?(?:[\d.:]+ )?(?:execve|brk|mmap|openat)\(/m, "the output of strace"],
];

/** Whether a text is perf script's, from its first few KB (bytes as chars); if not, why not, as a noun phrase. */
export function looksLikePerfScript(beginning: string): PerfGuess {
  const head = beginning.slice(0, ENOUGH);
  if (head.trim() === "") return { ok: false, why: "empty" };
  if (head.startsWith("\x1f\x8b")) return { ok: false, why: "a gzip archive: unpack it first" };
  if (head.includes("\0") && !head.startsWith("PERFILE2"))
    return { ok: false, why: "binary: it holds NUL bytes" };
  const other = OTHERS.find(([mark]) => mark.test(head));
  if (other) return { ok: false, why: other[1] };
  const end = head.lastIndexOf("\n");
  const reader = new PerfReader();
  const records = [...reader.push(end < 0 ? head : head.slice(0, end + 1)), ...reader.end()];
  const known = records.length - reader.unreadable;
  if (known > 0 && known >= records.length * LEAST_SHARE) return { ok: true };
  return {
    ok: false,
    why: "none: no line of its beginning is an event with its task as perf script prints them",
  };
}
