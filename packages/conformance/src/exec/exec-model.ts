import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type Errno,
  type ExecEnd,
  execute,
  execve,
  initialState,
  type KernelState,
  type Pid,
  type Profile,
  type ProgramFile,
  type Request,
  refusedExec,
  Transaction,
  UNLIMITED,
  X86_64,
} from "@pagetrail/core";
import { type ExecFile, type ExecFiles, findProgram } from "@pagetrail/import";
import type { ExecCase, ExecProbe } from "./exec-probe.ts";

/** What the model makes of a case, and the state behind it. */
export interface ModelExec {
  readonly state: KernelState;
  readonly end: ExecEnd;
  /** Bytes of the arguments that the program sees, each with its NUL. */
  readonly args: readonly number[];
}

export const EXEC_PID = 1 as Pid;

/** The model's exec of a case on a machine. */
export function modelExec(
  profile: Profile,
  place: Pick<ExecProbe, "folder" | "busy">,
  c: ExecCase,
): ModelExec {
  const files = filesIn(place);
  const found = findProgram(files, c.path, X86_64);
  const own = c.args ?? [];
  const tx = new Transaction(initialState(profile));
  for (const request of beforehand(c)) execute(tx, { tid: EXEC_PID, request, outcome: { ret: 0 } });
  const task = tx.task(EXEC_PID);
  const sizes = (args: readonly string[]) => {
    const strings = [...args, ...c.env, c.path];
    return {
      argc: args.length,
      argBytes: bytes(args),
      envc: c.env.length,
      envBytes: bytes(c.env),
      nameBytes: c.path.length + 1,
      longest: strings.reduce((most, s) => Math.max(most, s.length + 1), 0),
    };
  };
  if (found.kind === "refused") {
    const error = refusedExec(tx, task, { ...found, sizes: sizes(own) });
    return { state: tx.commit(1), end: { ok: false, error }, args: [] };
  }
  const seen = found.prepended.length > 0 ? [...found.prepended, ...own.slice(1)] : own;
  const { program, interpreter } = found;
  const end = execve(tx, task, {
    program,
    ...(interpreter ? { interpreter } : {}),
    comm: "case",
    sizes: sizes(seen),
    argcAsked: own.length,
    randomized: false,
    choices: {},
  });
  const args = (seen.length > 0 ? seen : [""]).map((s) => s.length + 1);
  return { state: tx.commit(1), end, args };
}

const bytes = (strings: readonly string[]): number => strings.reduce((n, s) => n + s.length + 1, 0);

function beforehand(c: ExecCase): readonly Request[] {
  const limit = (resource: "as" | "data" | "stack", soft: number): Request => ({
    call: "setrlimit",
    target: 0,
    resource,
    soft,
    hard: UNLIMITED,
  });
  return [
    { call: "adopt", comm: "probe", tgid: EXEC_PID },
    { call: "personality", persona: c.personality },
    limit("stack", c.stack),
    limit("as", c.as),
    limit("data", c.data),
  ];
}

const EXECUTABLE = 0o111;

/** The machine's file system as exec asks it, for one that may pass over rights to read and to search. */
const filesIn = ({ folder, busy }: Pick<ExecProbe, "folder" | "busy">): ExecFiles => ({
  open(path: string): ExecFile | Errno {
    if (path === "") return "ENOENT";
    const whole = path.startsWith("/") ? path : join(folder, path);
    try {
      // A slash at the end asks for a directory, which join would take away.
      const stat = statSync(path.endsWith("/") ? `${whole}/` : whole);
      if (!stat.isFile() || (stat.mode & EXECUTABLE) === 0) return "EACCES";
      if (busy.has(realpathSync(whole))) return "ETXTBSY";
      const file = { path: realpathSync(whole), ...identity(stat), size: stat.size };
      return { file, read: (offset, length) => readAt(whole, offset, length) };
    } catch (error) {
      return (error as NodeJS.ErrnoException).code as Errno;
    }
  },
});

/** Device and inode as maps prints them. */
function identity({
  dev,
  ino,
}: {
  readonly dev: number;
  readonly ino: number;
}): Partial<ProgramFile["file"]> {
  const major = Math.floor(dev / 256) % 4096;
  const minor = (dev % 256) + Math.floor(dev / 2 ** 20) * 256;
  const hex = (n: number): string => n.toString(16).padStart(2, "0");
  return { device: `${hex(major)}:${hex(minor)}`, inode: ino };
}

function readAt(path: string, offset: number, length: number): Uint8Array {
  const fd = openSync(path, "r");
  try {
    const there = Math.min(length, Math.max(0, fstatSync(fd).size - offset));
    const buffer = new Uint8Array(there);
    return there === 0 ? buffer : buffer.subarray(0, readSync(fd, buffer, 0, there, offset));
  } finally {
    closeSync(fd);
  }
}
