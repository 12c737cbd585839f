import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** How a program ended: its exit status, or the signal that ended it. */
export type ProgramEnd = { readonly status: number } | { readonly signal: NodeJS.Signals };

/** Signals that somebody may send to us and means for the program. */
const PASSED = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** Signals that the terminal sends to the program as well as to us. */
const OF_THE_TERMINAL = ["SIGINT", "SIGQUIT"] as const;

/**
 * Runs a command in the foreground: with our terminal, input and output. Signals that are sent to us go to what
 * `target` names, those of the terminal reach it anyway.
 *
 * @param target the process that signals are for, of the one that was started; itself unless told
 */
export function runProgram(
  [program = "", ...words]: readonly string[],
  target: (pid: number) => number = (pid) => pid,
): Promise<ProgramEnd> {
  const child = spawn(program, words, { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) send(target(child.pid), signal);
  };
  const ignore = (): void => {};
  for (const signal of PASSED) process.on(signal, pass);
  for (const signal of OF_THE_TERMINAL) process.on(signal, ignore);
  return ended(child).finally(() => {
    for (const signal of PASSED) process.off(signal, pass);
    for (const signal of OF_THE_TERMINAL) process.off(signal, ignore);
  });
}

function ended(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(signal === null ? { status: status ?? 0 } : { signal }));
  });
}

/** A process that has gone meanwhile needs no signal any more. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}

/** The first child of a process: what strace or perf runs. Without one the process itself. */
export function firstChild(pid: number): number {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
    return Number(first) || pid;
  } catch {
    return pid;
  }
}

/** What a shell would say: the status, or 128 and the number of the signal. */
export const exitStatus = (end: ProgramEnd): number =>
  "status" in end ? end.status : 128 + constants.signals[end.signal];
