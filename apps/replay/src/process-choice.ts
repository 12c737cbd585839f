import { type KernelState, type MmStruct, ok, type Pid, type Result, type Task } from "@pagetrail/core";
import type { LoadedLog } from "./open-log.ts";
import { type Problem, refused } from "./problem.ts";
import { lastName, listProcesses, type ProcessLife } from "./process-list.ts";

/** The process that a view shows, at one moment. */
export interface ChosenProcess {
  readonly task: Task;
  /** Absent for one that has left its address space. */
  readonly mm: MmStruct | undefined;
  /** `4242 (bash), the first of 3`. */
  readonly label: string;
}

/** Finds the process that was asked for, or without a pid the only or the first one that is there. */
export function chooseProcess(
  log: LoadedLog,
  state: KernelState,
  pid: number | undefined,
): Result<ChosenProcess, Problem> {
  if (pid === undefined) return chooseFirst(log, state);
  const task = state.tasks.get(pid as Pid);
  return task ? ok(chosen(state, task, "")) : refused(absent(log, state, pid));
}

function chooseFirst(log: LoadedLog, state: KernelState): Result<ChosenProcess, Problem> {
  const lives = log.lives?.() ?? listProcesses(log.timeline.events);
  const present = lives.map(({ pid }) => state.tasks.get(pid as Pid)).filter((task) => task !== undefined);
  const task = present.find(({ mm }) => mm !== 0) ?? present[0];
  if (task) return ok(chosen(state, task, present.length === 1 ? "" : `, the first of ${present.length}`));
  return refused({
    what: `there is no process at event ${state.seq}`,
    where: log.name,
    advice: lastThere(lives, state.seq) ?? "look at another moment with --at",
  });
}

/** Until when the one was there that was there longest, of those that are gone. */
function lastThere(lives: readonly ProcessLife[], seq: number): string | undefined {
  const ended = ({ ended = Number.POSITIVE_INFINITY }: ProcessLife): number => ended;
  const gone = lives.filter((life) => ended(life) <= seq).sort((a, b) => ended(b) - ended(a))[0];
  return gone && `process ${gone.pid} (${lastName(gone)}) is there until --at ${ended(gone) - 1}`;
}

function chosen(state: KernelState, task: Task, more: string): ChosenProcess {
  const mm = task.mm === 0 ? undefined : state.mms.get(task.mm);
  return { task, mm, label: `process ${task.pid} (${task.comm})${more}` };
}

const SHOWN = 6;

function absent(log: LoadedLog, state: KernelState, pid: number): Problem {
  const lives = log.lives?.() ?? listProcesses(log.timeline.events);
  const where = `${log.name}, event ${state.seq}`;
  const own = lives.filter((life) => life.pid === pid);
  const next = own.find((life) => life.first > state.seq);
  const first = own[0];
  if (next)
    return { what: `process ${pid} is not there yet`, where, advice: `it begins at event ${next.first}` };
  if (first)
    return {
      what: `process ${pid} is gone`,
      where,
      advice: `it is there from event ${first.first} to ${(own.at(-1)?.ended ?? own.at(-1)?.last ?? 1) - 1}`,
    };
  return { what: `there is no process ${pid}`, where, advice: `the log has ${listed(lives)}` };
}

function listed(lives: readonly ProcessLife[]): string {
  const names = lives.slice(0, SHOWN).map((life) => `${life.pid} (${lastName(life)})`);
  const left = lives.length - names.length;
  return `${names.join(", ") || "no process at all"}${left > 0 ? ` and ${left} more: see pagetrail info` : ""}`;
}
