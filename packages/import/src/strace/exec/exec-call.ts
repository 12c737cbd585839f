import { decodeUtf8, parseList, parseNumber, parseString, type StraceCall } from "../text/index.ts";

/** What an execve shows of its path, arguments and environment. */
export interface ExecCall {
  readonly path: string;
  /** -100 for the current directory, else the descriptor of execveat. */
  readonly directory: number | undefined;
  readonly args: readonly ShownString[];
  readonly envc: number;
  /** With -v: each string of the environment. */
  readonly env: readonly ShownString[] | undefined;
  /** The text says how many strings the environment has. */
  readonly counted: boolean;
  /** Some argument, or the list itself, was cut by -s or -a. */
  readonly cut: boolean;
}

/** A string of which strace printed `bytes` bytes; there were more when it is `cut`. */
export interface ShownString {
  readonly text: string;
  readonly cut: boolean;
}

/** Strings that strace did not print in full are taken for this much longer. */
const CUT_GUESS = 32;
/** An environment of which only the count is known: the usual length of one string. */
const ENV_GUESS = 32;

function shown(text: string): ShownString {
  const parsed = parseString(text);
  return parsed ? { text: parsed.bytes, cut: parsed.cut } : { text: "", cut: true };
}

/** Reads execve(path, argv, envp) or execveat(dirfd, path, argv, envp, flags). */
export function readExecCall(call: StraceCall): ExecCall | undefined {
  const at = call.name === "execveat" ? 1 : 0;
  const path = parseString(call.args[at] ?? "");
  if (!path) return undefined;
  const list = parseList(call.args[at + 1] ?? "");
  const args = (list ?? []).filter((a) => a !== "...").map(shown);
  const environment = call.args[at + 2] ?? "";
  const strings = parseList(environment)
    ?.filter((e) => e !== "...")
    .map(shown);
  const count = /\/\* (\d+) vars?/.exec(environment)?.[1];
  return {
    path: decodeUtf8(path.bytes),
    directory: at === 1 ? (parseNumber(call.args[0] ?? "") ?? undefined) : undefined,
    args,
    envc: strings?.length ?? Number(count ?? 0),
    env: strings,
    counted: strings !== undefined || count !== undefined,
    cut: list === undefined || list.includes("...") || args.some((a) => a.cut),
  };
}

const lengthOf = (s: ShownString): number => s.text.length + 1 + (s.cut ? CUT_GUESS : 0);

export const totalBytes = (strings: readonly ShownString[]): number =>
  strings.reduce((n, s) => n + lengthOf(s), 0);

/** Bytes of the environment, and whether they were seen or guessed from the count. */
export function environmentBytes(exec: ExecCall): { readonly bytes: number; readonly guessed: boolean } {
  if (!exec.env) return { bytes: exec.envc * ENV_GUESS, guessed: exec.envc > 0 || !exec.counted };
  return { bytes: totalBytes(exec.env), guessed: exec.env.some((s) => s.cut) };
}
