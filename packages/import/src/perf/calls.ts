import { ERRNO, wordHex } from "@pagetrail/core";
import type { CallResult, ShownFile, StackFrame, StraceCall } from "../strace/text/index.ts";
import { arity } from "./syscall-names.ts";
import type { PerfSample } from "./text/index.ts";

/** A call that a task is in. */
export interface OpenCall {
  readonly name: string;
  readonly args: readonly string[];
  readonly line: number;
  readonly time: number | undefined;
  readonly stack: readonly StackFrame[] | undefined;
  /** What a mapping record inside the call says of the file. */
  mapped?: ShownFile;
  /** The task that it has made so far, and with which flags. */
  born?: Born;
}

export interface Born {
  readonly child: number;
  readonly thread: boolean | undefined;
  readonly flags: number | undefined;
}

export function openCall(name: string, args: readonly string[], sample: PerfSample): OpenCall {
  const { line, time, stack } = sample;
  return { name, args, line, time, stack };
}

/** What a thread library asks for; shown where neither arguments nor task:task_newtask say more. */
const THREAD_FLAGS = 0x3d0f00;

/** The flags of a call that made a task, as far as they show. */
export function birthFlags({ name, args, born }: Pick<OpenCall, "name" | "args" | "born">): {
  readonly flags: number;
  readonly known: boolean;
} {
  if (born?.flags !== undefined) return { flags: born.flags, known: true };
  if (name === "clone") return { flags: Number(args[0] ?? 0), known: args.length > 0 };
  if (name === "vfork") return { flags: 0x4100, known: true };
  if (born?.thread === true) return { flags: THREAD_FLAGS, known: true };
  return { flags: 0, known: name === "fork" };
}

/** A call as strace would print it with raw arguments (-X raw), so that the same rules read it. */
export function finishedCall(
  tid: number,
  open: OpenCall,
  end: { readonly line: number; readonly returned: number | undefined; readonly result: CallResult },
): StraceCall {
  const { name, line, time, stack, mapped } = open;
  return {
    kind: "call",
    tid,
    name,
    args: straceArgs(open),
    startLine: line,
    line: end.line,
    result: end.result,
    ...(time === undefined ? {} : { time }),
    ...(end.returned === undefined ? {} : { returned: end.returned }),
    ...(stack === undefined ? {} : { stack }),
    ...(mapped === undefined ? {} : { mapped }),
  };
}

const MREMAP_PLACED = 2 + 4;

function straceArgs(open: OpenCall): readonly string[] {
  const { name } = open;
  const args = open.args.slice(0, arity(name));
  switch (name) {
    case "clone":
    case "fork":
    case "vfork":
      return [`flags=${wordHex(birthFlags(open).flags)}`];
    case "clone3":
      return [`{flags=${wordHex(birthFlags(open).flags)}}`];
    case "mmap":
    case "mmap2":
      return args.map((word, i) => (i === 4 ? int(word) : i === 5 && name === "mmap2" ? pages(word) : word));
    case "mremap":
      return (Number(args[3]) & MREMAP_PLACED) === 0 ? args.slice(0, 4) : args.slice(0, 5);
    case "pkey_mprotect":
    case "shmat":
    case "shmget":
    case "wait4":
    case "close":
      return args.map((word, i) => (i === 0 || i === 3 ? int(word) : word));
    default:
      return args;
  }
}

/** A C int, of which registers hold 64 bits. */
const int = (word: string): string =>
  word.startsWith("0x") ? String(BigInt.asIntN(32, BigInt(word))) : word;

/** mmap2 counts its offset in pages, and strace prints bytes. */
const pages = (word: string): string => wordHex(BigInt(word) * 4096n);

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name]),
);
/** Interrupted: the kernel restarts the call, or makes EINTR of it. */
const RESTARTS: Readonly<Record<number, string>> = {
  512: "ERESTARTSYS",
  513: "ERESTARTNOINTR",
  514: "ERESTARTNOHAND",
  516: "ERESTART_RESTARTBLOCK",
};
const MAX_ERRNO = 4095n;

/** What a returned word means. */
export function resultOf(ret: bigint): CallResult {
  if (ret >= 0n || ret < -MAX_ERRNO) {
    const word = BigInt.asUintN(64, ret);
    const value = word < 2n ** 53n ? Number(word) : undefined;
    return { kind: "value", text: wordHex(word), value, hex: wordHex(word) };
  }
  const number = Number(-ret);
  const restart = RESTARTS[number];
  if (restart !== undefined) return { kind: "restart", errno: restart };
  return { kind: "error", errno: ERRNO_NAMES.get(number) ?? `errno ${number}`, message: "" };
}
