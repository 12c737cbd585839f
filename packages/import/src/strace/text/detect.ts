import { StraceReader } from "./reader.ts";
import type { StraceRecord } from "./record.ts";

export type StraceGuess =
  /** `mode` when the beginning tells it: the first process is a 32-bit (i386) or an x32 one. */
  { readonly ok: true; readonly mode?: "32-bit" | "x32" } | { readonly ok: false; readonly why: string };

const MAGICS: readonly (readonly [string, string])[] = [
  ["\x1f\x8b", "a gzip archive: unpack it first"],
  ["\xfd7zXZ", "an xz archive: unpack it first"],
  ["\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"],
  ["PK\x03\x04", "a zip archive: unpack it first"],
  ["\x7fELF", "an ELF program, not a trace of one"],
  ["PERFILE2", "perf's binary data: write it out with perf script"],
];

const OTHER_TOOLS: readonly (readonly [RegExp, string])[] = [
  [/^.{1,40}?\s+\d+(?:\/\d+)?\s+(?:\[\d+\]\s+)?\d+\.\d+:\s+\S/m, "the output of perf script"],
  [/^\s*\d+\.\d+ \( *\d+\.\d+ ms\): /m, "the output of perf trace"],
  [/^(?:Attaching \d+ probes?\.\.\.|@[\w[])/m, "the output of bpftrace"],
  [
    /^(?:\[pid \d+\] |\d+ )?(?:__libc_start_main\(|\+\+\+ exited \(status \d+\) \+\+\+|SYS_\w+\()/m,
    "the output of ltrace",
  ],
  [/^[0-9a-f]{4,16}-[0-9a-f]{4,16} [r-][w-][x-][ps] /m, "the text of /proc/PID/maps"],
];

/** System calls that x86-64 does not have and i386 makes at once. */
const I386_ONLY: ReadonlySet<string> = new Set([
  "mmap2",
  "old_mmap",
  "fstat64",
  "stat64",
  "lstat64",
  "fstatat64",
  "_llseek",
  "set_thread_area",
  "ugetrlimit",
  "fcntl64",
  "geteuid32",
  "socketcall",
]);

/** System calls and modes of other machines: their addresses and flags mean something else. */
const FOREIGN = /^(?:s390_|riscv_|ARM_|set_tls$|osf_|spu_|rtas$|cacheflush$|atomic_cmpxchg_32$|getpagesize$)/;
const FOREIGN_MODE = /runs in (?!64 bit|32 bit|x32)(.*) mode/;

/** More than this is not looked at. */
const ENOUGH = 65_536;

/** Of a text that mixes in the program's own output, this share of the records at least must be strace's. */
const LEAST_SHARE = 0.05;

/** Whether a text is strace's, from its first few KB (bytes as chars); if not, why not, as a noun phrase. */
export function looksLikeStrace(beginning: string): StraceGuess {
  const head = beginning.slice(0, ENOUGH);
  if (head.trim() === "") return { ok: false, why: "empty" };
  const magic = MAGICS.find(([start]) => head.startsWith(start));
  if (magic) return { ok: false, why: magic[1] };
  if (head.includes("\0")) return { ok: false, why: "binary: it holds NUL bytes" };
  const tool = OTHER_TOOLS.find(([mark]) => mark.test(head));
  const records = readHead(head);
  const known = records.filter(({ kind }) => kind !== "unreadable" && kind !== "note").length;
  if (known === 0 || known < records.length * LEAST_SHARE || tool?.[1].endsWith("ltrace"))
    return {
      ok: false,
      why: tool?.[1] ?? "no trace: no line of its beginning is a system call as strace prints it",
    };
  return guessMachine(records);
}

/** The records of the whole lines: the last one of a head is cut at random. */
function readHead(head: string): readonly StraceRecord[] {
  const end = head.lastIndexOf("\n");
  const reader = new StraceReader();
  const records = reader.push(end < 0 ? head : head.slice(0, end + 1));
  return [...records, ...reader.end()];
}

function guessMachine(records: readonly StraceRecord[]): StraceGuess {
  for (const record of records) {
    if (record.kind === "note") {
      const mode = FOREIGN_MODE.exec(record.text)?.[1];
      if (mode !== undefined) return { ok: false, why: `a trace of another architecture (${mode} mode)` };
      if (record.text.includes("runs in x32 mode")) return { ok: true, mode: "x32" };
      if (record.note === "mode32") return { ok: true, mode: "32-bit" };
    }
    if (record.kind !== "call") continue;
    if (FOREIGN.test(record.name))
      return { ok: false, why: `a trace of another architecture (it calls ${record.name})` };
    if (I386_ONLY.has(record.name)) return { ok: true, mode: "32-bit" };
  }
  return { ok: true };
}
