import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, ok, type Result } from "@pagetrail/core";
import { type ProcMemory, parseMaps, type ShownProcess } from "@pagetrail/import";
import { type Problem, refused } from "../problem.ts";
import { runProgram } from "./run-program.ts";
import { straceWords } from "./strace-words.ts";

/** What strace saw of processes that ran already, and what /proc said of them when it began. */
export interface Attached {
  readonly trace: string;
  readonly before: readonly ShownProcess[];
  /** When that was, in seconds. */
  readonly since: number;
}

/**
 * Attaches strace to running processes, until they have ended or Ctrl-C lets go of them, which leaves them running.
 *
 * @param folder where strace writes
 */
export async function attach(
  strace: string,
  pids: readonly number[],
  { folder, stacks }: { readonly folder: string; readonly stacks: boolean },
): Promise<Result<Attached, Problem>> {
  const missing = pids.find((pid) => commOf(pid) === undefined);
  if (missing !== undefined)
    return refused({ what: "there is no such process", where: `-p ${missing}`, advice: "see ps -e" });
  const trace = join(folder, "strace.txt");
  const words = [...straceWords({ trace, everything: false, stacks }), "-y"];
  let running = true;
  const ended = runProgram([strace, ...words, ...pids.flatMap((pid) => ["-p", String(pid)])]).finally(() => {
    running = false;
  });
  while (running && !pids.every(isTraced)) await sleep(5);
  const since = Date.now() / 1000;
  const before = running ? pids.map(shownProcess) : [];
  await ended;
  const unread = before.find((one): one is Result<never, Problem> & { ok: false } => !one.ok);
  if (unread) return unread;
  const known = before.flatMap((one) => (one.ok ? [one.value] : []));
  if (known.length > 0) return ok({ trace, before: known, since });
  return refused({
    what: "strace could not attach, see above",
    where: pids.map((pid) => `-p ${pid}`).join(" "),
    advice:
      "it needs the right to trace: run it as root or as the owner, and see /proc/sys/kernel/yama/ptrace_scope",
  });
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return undefined;
  }
}

const commOf = (pid: number): string | undefined => read(pid, "comm")?.trimEnd();

const isTraced = (pid: number): boolean => !/^TracerPid:\t0$/m.test(read(pid, "status") ?? "TracerPid:\t0");

function shownProcess(pid: number): Result<ShownProcess, Problem> {
  const text = read(pid, "smaps") || read(pid, "maps") || "";
  const memory = parseMaps(text);
  if (!memory.ok) return fail({ what: memory.error.what, where: `/proc/${pid}/smaps`, advice: "report it" });
  const tasks = readdirSync(`/proc/${pid}/task`).map((tid) => ({
    tid: Number(tid),
    comm: read(pid, `task/${tid}/comm`)?.trimEnd() ?? "",
  }));
  return ok({ pid, tasks, memory: { ...memory.value, ...placesOf(read(pid, "stat") ?? "") } });
}

/** Where stack and heap begin: fields 28 and 47 of /proc/PID/stat, counted behind the name in brackets. */
function placesOf(stat: string): Pick<ProcMemory, "startStack" | "startBrk"> {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [startStack, startBrk] = [Number(fields[28 - 3]), Number(fields[47 - 3])];
  return startStack > 0 && startBrk > 0 ? { startStack, startBrk } : {};
}
