import type { StackFrame, StraceExit, StraceNote, StraceSignal } from "./record.ts";

/** Where and when an event was printed. */
export interface Moment {
  readonly tid: number;
  readonly line: number;
  readonly time: number | undefined;
}

const withTime = (time: number | undefined): { time?: number } => (time === undefined ? {} : { time });

/** A longer event is none of strace's. */
const MAX_EVENT = 4096;
const SIGNAL = /^--- (.*) ---$/s;
const STOPPED = /^stopped by (\S+)$/;
const NAME = /^[A-Z0-9_]+/;
const CODE = /\bsi_code=(?:[^,}]*\/\* (\w+) \*\/|([^,} ]+))/;
const ADDR = /\bsi_addr=([^,} ]+)/;

/** "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---" and "--- stopped by SIGSTOP ---". */
export function parseSignal(body: string, { tid, line, time }: Moment): StraceSignal | undefined {
  const text = body.length > MAX_EVENT ? undefined : SIGNAL.exec(body)?.[1];
  if (text === undefined) return undefined;
  const stop = STOPPED.exec(text)?.[1];
  const common = { kind: "signal", tid, line, ...withTime(time) } as const;
  if (stop !== undefined) return { ...common, signal: stop, text, stopped: true };
  const signal = NAME.exec(text)?.[0];
  if (signal === undefined) return undefined;
  const [, named, plain] = CODE.exec(text) ?? [];
  const code = named ?? plain;
  const addr = ADDR.exec(text)?.[1];
  return {
    ...common,
    signal,
    text,
    ...(code === undefined ? {} : { code }),
    ...(addr === undefined ? {} : { addr: addr === "NULL" ? "0x0" : addr }),
  };
}

const EXITED = /^\+\+\+ exited with (\d+) \+\+\+$/;
const KILLED = /^\+\+\+ killed by (\w+)( \(core dumped\))? \+\+\+$/;

/** "+++ exited with 0 +++" and "+++ killed by SIGSEGV (core dumped) +++". */
export function parseExit(body: string, { tid, line, time }: Moment): StraceExit | undefined {
  const common = { kind: "exit", tid, line, ...withTime(time) } as const;
  const code = EXITED.exec(body)?.[1];
  if (code !== undefined) return { ...common, status: { code: Number(code) } };
  const [, signal, core] = KILLED.exec(body) ?? [];
  return signal === undefined ? undefined : { ...common, status: { signal, core: core !== undefined } };
}

const SUPERSEDED = /^\+\+\+ superseded by execve in pid (\d+)(?:<.*>)?(?: \/\*.*\*\/)? \+\+\+$/;

/** The tid that execs, from "+++ superseded by execve in pid 11087 +++". */
export function parseSuperseded(body: string): number | undefined {
  const tid = SUPERSEDED.exec(body)?.[1];
  return tid === undefined ? undefined : Number(tid);
}

const ATTACHMENT = /^Process (\d+)(?:<.*>)? (attached|detached)( with \d+ threads)?$/;
const MODE = /^\[ Process PID=(\d+) runs in (\w+)(?: bit)? mode\. \]$/;

/** What strace says of itself, without its "strace: ". */
export function parseNote(text: string, line: number): StraceNote {
  const [, process, change] = ATTACHMENT.exec(text) ?? [];
  if (process !== undefined && change !== undefined)
    return {
      kind: "note",
      line,
      text,
      tid: Number(process),
      note: change === "attached" ? change : "detached",
    };
  const [, pid, bits] = MODE.exec(text) ?? [];
  if (pid === undefined) return { kind: "note", line, text, note: "other" };
  const note = bits === "32" ? "mode32" : bits === "64" ? "mode64" : "other";
  return { kind: "note", line, text, tid: Number(pid), note };
}

/** strace names itself as it was called: "strace: …", "/usr/bin/strace: …". */
const SELF = /^(?:\.{0,2}(?:\/[\w.+-]+)*\/)?strace: /;

/** What strace says of itself on this line, without its own name; undefined when the line is of the trace. */
export function ownMessage(line: string): string | undefined {
  const first = line[0];
  if (first !== "s" && first !== "/" && first !== ".") return undefined;
  const self = SELF.exec(line.slice(0, MAX_EVENT))?.[0];
  return self === undefined ? undefined : line.slice(self.length);
}

const INTRUSION =
  /(?:\.{0,2}(?:\/[\w.+-]+)*\/)?strace: (Process \d+(?:<[^>]*>)? (?:attached|detached)(?: with \d+ threads)?)$/;

/** A message of strace that broke into a call's line: where it begins, and what it says. */
export function findIntrusion(line: string): { readonly at: number; readonly message: string } | undefined {
  if (!line.endsWith("ached") && !line.endsWith("threads")) return undefined;
  const skipped = Math.max(line.length - MAX_EVENT, 0);
  const found = INTRUSION.exec(line.slice(skipped));
  return found?.[1] === undefined ? undefined : { at: skipped + found.index, message: found[1] };
}

const FRAME = /^ > (.*) \[0x([0-9a-f]+)\](?: .*)?$/;
const SYMBOL = /^(.*)\+(0x[0-9a-f]+)$/;

/** " > /lib/libc.so.6(poll+0x10) [0xfc230]" (-k). */
export function parseFrame(line: string): StackFrame | undefined {
  const [, where, address] = line.length > MAX_EVENT ? [] : (FRAME.exec(line) ?? []);
  if (where === undefined || address === undefined) return undefined;
  const frame = { text: line.slice(3), address: `0x${address}` };
  const open = where.endsWith(")") ? opening(where) : -1;
  if (open < 0) return frame;
  const module = where.slice(0, open);
  const [, symbol, offset] = SYMBOL.exec(where.slice(open + 1, -1)) ?? [];
  return symbol === undefined || offset === undefined
    ? { ...frame, module }
    : { ...frame, module, symbol, offset };
}

/** The parenthesis that the last one closes; the symbol between them may hold some itself (C++). */
function opening(text: string): number {
  let depth = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ")") depth++;
    else if (text[i] === "(" && --depth === 0) return i;
  }
  return -1;
}
