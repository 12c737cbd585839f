import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** One recording: what strace wrote, and what the kernel itself said in the same run. */
export type Case = {
  readonly name: string;
  /** The directory in which the traced command started. */
  readonly cwd: string;
  /** The text of the trace. */
  readonly strace: string;
  readonly calls: readonly TracedCall[];
  /** Expanded while it is read, each time again: all maps of a long run at once would fill the memory. */
  readonly truth: Iterable<Truth>;
};

/** A system call as the trace shows it; lines count from 1. */
export type TracedCall = {
  tid: number;
  readonly name: string;
  /** How many calls this thread made before. */
  n: number;
  readonly line: number;
  /** The line on which it returned; null when the trace ends before. */
  end: number | null;
};

/** A line of the kernel's account; `maps` has its edits undone. */
export type Truth = {
  readonly seq: number;
  readonly ev: string;
  readonly pid?: number;
  readonly tid?: number;
  readonly mm?: number;
  /** The whole `/proc/PID/maps`, "same" as the last of this mm, "skip" when it was not read. */
  readonly maps?: string | { readonly big: number; readonly lines: number };
  readonly n?: number;
  readonly name?: string;
  readonly ret?: string;
  readonly exe?: TruthElf;
  readonly interp?: TruthElf;
  readonly interp_path?: string;
};

/** An ELF file's headers; numbers are hex text. */
export type TruthElf = {
  readonly path: string;
  readonly class: 32 | 64;
  readonly type: "EXEC" | "DYN";
  readonly entry: string;
  readonly phdrs: readonly {
    readonly type: string;
    readonly flags: string;
    readonly off: string;
    readonly vaddr: string;
    readonly filesz: string;
    readonly memsz: string;
    readonly align: string;
  }[];
};

/** What `pagetrail replay LOG --emit maps --jsonl` prints of one call. */
export type ReplayLine = {
  readonly line: number | null;
  readonly pid: number;
  readonly tid: number;
  readonly call: string;
  readonly outcome: string;
  readonly predicted: string | null;
  readonly maps: string | null;
};

/** How far a replay agrees with the kernel. `mapsCalls` are the calls whose maps the kernel was asked for. */
export type Score = {
  readonly calls: number;
  readonly predicted: number;
  readonly mapsCalls: number;
  readonly maps: number;
  /** As `maps`, with both ends of [stack] left aside: neither shows in a trace of a randomised run. */
  readonly mapsStackAside: number;
  /** The first calls that differ. */
  readonly examples: readonly ScoreExample[];
};

export type ScoreExample = {
  readonly line: number | null;
  readonly call: string | undefined;
  readonly truth: string | undefined;
  readonly predicted: string | null;
  /** Null when the kernel's maps were not read after this call. */
  readonly mapsEqual: boolean | null;
};

const EXAMPLES = 3;

export const recordedDir: string = dirname(fileURLToPath(import.meta.url));

/** The files that the recordings executed, as stubs that hold their ELF headers. */
export const sysrootDir: string = join(recordedDir, "sysroot");

/** The folders of all recordings, by name. */
export function caseDirs(): readonly string[] {
  return readdirSync(recordedDir)
    .sort()
    .map((name) => join(recordedDir, name))
    .filter((dir) => existsSync(join(dir, "meta.json")));
}

/** Reads the recording in a folder. */
export function loadCase(dir: string): Case {
  const plain = join(dir, "strace.txt");
  const strace = existsSync(plain) ? readFileSync(plain, "utf8") : gunzipText(`${plain}.gz`);
  const meta = JSON.parse(readFileSync(join(dir, "meta.json"), "utf8")) as { readonly cwd: string };
  return {
    name: basename(dir),
    cwd: meta.cwd,
    strace,
    calls: tracedCalls(strace),
    truth: expandTruth(gunzipText(join(dir, "truth.jsonl.gz"))),
  };
}

/** The exec lines of a recording's account, without expanding the rest. */
export function loadExecs(dir: string): readonly Truth[] {
  return gunzipText(join(dir, "truth.jsonl.gz"))
    .split("\n")
    .filter((line) => line.includes('"ev":"exec"'))
    .map((line) => JSON.parse(line) as Truth);
}

const gunzipText = (path: string): string => gunzipSync(readFileSync(path)).toString("utf8");

type Hunks = { readonly hunks: readonly (readonly [at: number, gone: number, text: string])[] };

/** The kernel's account, with the line edits between maps texts undone. */
export function expandTruth(jsonl: string): Iterable<Truth> {
  return { [Symbol.iterator]: () => truthLines(jsonl) };
}

function* truthLines(jsonl: string): Generator<Truth> {
  const last = new Map<number | undefined, string>();
  for (const line of jsonl.split("\n")) {
    if (line === "") continue;
    const { maps, ...rest } = JSON.parse(line) as Omit<Truth, "maps"> & { maps?: Truth["maps"] | Hunks };
    const text = isHunks(maps) ? applyHunks(last.get(rest.mm) ?? "", maps) : maps;
    if (isMapsText(text)) last.set(rest.mm, text);
    yield text === undefined ? rest : { ...rest, maps: text };
  }
}

const isMapsText = (maps: unknown): maps is string =>
  typeof maps === "string" && maps !== "same" && maps !== "skip";

const isHunks = (maps: unknown): maps is Hunks =>
  typeof maps === "object" && maps !== null && "hunks" in maps;

/** Edits by line: at old line `at` so many lines go, the text comes in. */
function applyHunks(old: string, { hunks }: Hunks): string {
  const lines = old.split(/(?<=\n)/);
  const out: string[] = [];
  let next = 0;
  for (const [at, gone, text] of hunks) {
    out.push(...lines.slice(next, at), text);
    next = at + gone;
  }
  return out.concat(lines.slice(next)).join("");
}

const LINE = /^(?:\[pid\s+(\d+)\]\s+|(\d+)\s+)?(?:(?:\d+\.\d+|\d\d:\d\d:\d\d(?:\.\d+)?)\s+)?(.*)$/s;
const RESUMED = /^<\.\.\. [a-zA-Z0-9_]+ resumed>/;
const SUPERSEDED = /^\+\+\+ superseded by execve in pid (\d+) \+\+\+/;

/** Numbers each thread's calls in the order of the trace, as the kernel's account does. */
export function tracedCalls(strace: string): readonly TracedCall[] {
  const byTid = new Map<number, TracedCall[]>();
  const open = new Map<number, TracedCall>();
  const append = (call: TracedCall): void => {
    const list = byTid.get(call.tid) ?? [];
    call.n = (list.at(-1)?.n ?? -1) + 1;
    list.push(call);
    byTid.set(call.tid, list);
  };
  for (const [index, text] of strace.split("\n").entries()) {
    const [, bracketed, bare, body = ""] = LINE.exec(text) ?? [];
    const tid = Number(bracketed ?? bare ?? 0);
    const line = index + 1;
    if (RESUMED.test(body)) {
      const call = open.get(tid);
      open.delete(tid);
      if (call !== undefined) call.end = line;
      continue;
    }
    const former = Number(SUPERSEDED.exec(body)?.[1]);
    const moved = open.get(former);
    if (moved !== undefined) {
      // An exec by another thread returns under the leader's id, and counts as the leader's next call.
      open.delete(former);
      byTid.set(
        former,
        (byTid.get(former) ?? []).filter((call) => call !== moved),
      );
      moved.tid = tid;
      append(moved);
      open.set(tid, moved);
    }
    const name = /^([a-zA-Z0-9_]+)\(/.exec(body)?.[1];
    if (name === undefined) continue;
    const unfinished = body.endsWith("<unfinished ...>");
    const call = { tid, name, n: 0, line, end: unfinished ? null : line };
    append(call);
    if (unfinished) open.set(tid, call);
  }
  return [...byTid.values()].flat();
}

/**
 * Compares a replay with the kernel: each memory call of the account that the trace shows, its result and
 * the maps after it. A call without a replay line counts as wrong in both.
 */
export function score(recorded: Case, replayLines: Iterable<ReplayLine>): Score {
  const replayed = replayByLine(replayLines);
  const traced = new Map(recorded.calls.map((call) => [`${call.tid} ${call.n}`, call]));
  const kernelMaps = new Map<number | undefined, MapsDigest>();
  const sum = { calls: 0, predicted: 0, mapsCalls: 0, maps: 0, mapsStackAside: 0 };
  const examples: ScoreExample[] = [];
  for (const t of recorded.truth) {
    if (isMapsText(t.maps)) kernelMaps.set(t.mm, digestMaps(t.maps));
    const call = t.ev === "sys" ? traced.get(`${t.tid} ${t.n}`) : undefined;
    if (call === undefined) continue;
    const ours = replayed.get(call.end ?? call.line) ?? replayed.get(call.line);
    const predicted = ours?.predicted ?? null;
    const right = ours !== undefined && normalReturn(predicted) === normalReturn(t.ret ?? null);
    sum.calls++;
    if (right) sum.predicted++;
    let mapsEqual: boolean | null = null;
    const theirs = kernelMaps.get(t.mm);
    if (theirs !== undefined && t.maps !== "skip" && typeof t.maps !== "object") {
      mapsEqual = ours?.maps?.text === theirs.text;
      sum.mapsCalls++;
      if (mapsEqual) sum.maps++;
      if (ours?.maps?.stackAside === theirs.stackAside) sum.mapsStackAside++;
    }
    if ((!right || mapsEqual === false) && examples.length < EXAMPLES) {
      examples.push({ line: call.end, call: t.name, truth: t.ret, predicted, mapsEqual });
    }
  }
  return { ...sum, examples };
}

/** Digests of a normal maps text, whole and with the ends of the stack left out. */
type MapsDigest = { readonly text: string; readonly stackAside: string };
type Replayed = { readonly predicted: string | null; readonly maps: MapsDigest | undefined };

/** Replay lines by the trace's line, each with the maps that stood then: a null repeats the process's last. */
function replayByLine(lines: Iterable<ReplayLine>): Map<number | null, Replayed> {
  const last = new Map<number, MapsDigest>();
  const byLine = new Map<number | null, Replayed>();
  for (const entry of lines) {
    if (entry.maps !== null) last.set(entry.pid, digestMaps(entry.maps));
    byLine.set(entry.line, { predicted: entry.predicted, maps: last.get(entry.pid) });
  }
  return byLine;
}

function digestMaps(maps: string): MapsDigest {
  const lines = normalMaps(maps);
  const aside = lines.map((line) => (line.endsWith(" [stack]") ? line.replace(/^\S+/, "-") : line));
  return { text: digest(lines), stackAside: digest(aside) };
}

const digest = (lines: readonly string[]): string =>
  createHash("sha1").update(lines.join("\n")).digest("hex");

const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+\s*(.*)$/s;

/**
 * A maps text with what no trace can show left aside: device and inode, where the stack begins, "(deleted)",
 * and file names as text. Which mappings are of one file does count.
 */
export function normalMaps(text: string): readonly string[] {
  const files = new Map<string, number>();
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.includes("[vsyscall]"))
    .map(normalLine)
    .map((line) => {
      const slash = line.indexOf(" /");
      if (slash < 0) return line;
      const path = line.slice(slash + 2);
      if (!files.has(path)) files.set(path, files.size);
      return `${line.slice(0, slash)} file${files.get(path)}`;
    });
}

/** Successive maps repeat most of their lines. */
const knownLines = new Map<string, string>();
const KNOWN_LINES = 200_000;

function normalLine(line: string): string {
  const known = knownLines.get(line);
  if (known !== undefined) return known;
  const [, start = "", end = "", perms, offset = "", name = ""] = MAPPING.exec(line) ?? [];
  if (perms === undefined) return line;
  const range = `${name === "[stack]" ? "0" : bare(start)}-${bare(end)}`;
  const normal = `${range} ${perms} ${bare(offset)} ${name.replaceAll(" (deleted)", "")}`;
  if (knownLines.size >= KNOWN_LINES) knownLines.clear();
  knownLines.set(line, normal);
  return normal;
}

const bare = (hex: string): string => hex.replace(/^0+(?=.)/, "");

/** A result as 64 unsigned bits in hex, or the errno's name. */
export function normalReturn(result: string | null): string | null {
  if (result === null || !/^(-?\d+|0x[0-9a-f]+)$/i.test(result)) return result;
  return `0x${BigInt.asUintN(64, BigInt(result)).toString(16)}`;
}
