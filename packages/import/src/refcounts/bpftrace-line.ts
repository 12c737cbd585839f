import type { CaptureEvent, CountSample, TaskSample } from "./capture.ts";
import { NULL } from "./capture.ts";

const HEAD = /^(\d+) (\d+) (switch|newtask|exec|exit|free|exit_mmap) (.*)$/;
const SWITCH =
  /^(\d+)\/(\d+) (.*?) mm=(\w+) am=(\w+) users=(-?\d+) count=(-?\d+) state=(\d+) -> (\d+) (.*?) mm=(?:\?|(\w+) am=(\w+) users=(-?\d+) count=(-?\d+))$/;
const NEWTASK =
  /^(\d+)\/(\d+) (.*?) flags=(0x[0-9a-f]+) -> (\d+) (.*?) mm=(\w+) users=(-?\d+) count=(-?\d+)$/;
const TASK = /^(\d+)\/(\d+) (.*?) mm=(\w+) am=(\w+) users=(-?\d+) count=(-?\d+)(?: old_pid=(\d+))?$/;
const FREE = /^(\d+)$/;
const EXIT_MMAP = /^(\d+)\/(\d+) (.*?) : mm=(\w+) users=(-?\d+) count=(-?\d+)$/;

type Common = Pick<CaptureEvent, "line" | "time" | "cpu">;

/**
 * Reads a line of a capture by bpftrace: `TIME CPU switch PID/TGID COMM mm=P am=P users=U count=C state=S -> PID COMM
 * mm=P …`, where `mm=?` is a task that it could not reach. Undefined for a line that is none.
 */
export function readBpftraceLine(line: number, text: string): CaptureEvent | undefined {
  const head = HEAD.exec(text);
  if (!head) return undefined;
  const [, time = "", cpu = "", kind, body = ""] = head;
  const common = { line, time: BigInt(time), cpu: Number(cpu) };
  switch (kind) {
    case "switch":
      return readSwitch(common, body);
    case "newtask":
      return readNewTask(common, body);
    case "exec":
    case "exit":
      return readTaskEvent(common, kind, body);
    case "free":
      return readFree(common, body);
    default:
      return readExitMmap(common, body);
  }
}

const sample = (
  pid: string | undefined,
  tgid: string | undefined,
  comm: string | undefined,
  mm: string | undefined,
  activeMm: string | undefined,
): TaskSample => ({
  pid: Number(pid),
  tgid: tgid === undefined ? undefined : Number(tgid),
  comm: comm ?? "",
  kernel: undefined,
  mm,
  activeMm,
});

const countsOf = (
  mm: string | undefined,
  users: string | undefined,
  count: string | undefined,
): readonly CountSample[] =>
  mm === undefined || mm === NULL ? [] : [{ mm, users: Number(users), count: Number(count) }];

function readSwitch(common: Common, body: string): CaptureEvent | undefined {
  const found = SWITCH.exec(body);
  if (!found) return undefined;
  const [
    ,
    pid,
    tgid,
    comm,
    mm,
    am,
    users,
    count,
    state,
    next,
    nextComm,
    nextMm,
    nextAm,
    nextUsers,
    nextCount,
  ] = found;
  return {
    ...common,
    kind: "switch",
    prev: sample(pid, tgid, comm, mm, am),
    next: sample(next, undefined, nextComm, nextMm, nextAm),
    state: letterOf(Number(state)),
    counts: [...countsOf(am, users, count), ...countsOf(nextMm, nextUsers, nextCount)],
  };
}

/** In this format a new task's own address space is not named: what stands there is its parent's. */
function readNewTask(common: Common, body: string): CaptureEvent | undefined {
  const found = NEWTASK.exec(body);
  if (!found) return undefined;
  const [, pid, tgid, comm, flags, child, childComm, mm, users, count] = found;
  return {
    ...common,
    kind: "newtask",
    parent: sample(pid, tgid, comm, mm, mm),
    child: sample(child, undefined, childComm, undefined, undefined),
    flags: Number(flags),
    counts: countsOf(mm, users, count),
  };
}

function readTaskEvent(common: Common, kind: "exec" | "exit", body: string): CaptureEvent | undefined {
  const found = TASK.exec(body);
  if (!found) return undefined;
  const [, pid, tgid, comm, mm, am, users, count, oldPid] = found;
  const task = sample(pid, tgid, comm, mm, am);
  const counts = countsOf(am, users, count);
  return { ...common, kind, task, counts, ...(oldPid === undefined ? {} : { oldPid: Number(oldPid) }) };
}

function readFree(common: Common, body: string): CaptureEvent | undefined {
  const found = FREE.exec(body);
  if (!found) return undefined;
  return {
    ...common,
    kind: "free",
    task: sample(found[1], undefined, undefined, undefined, undefined),
    counts: [],
  };
}

function readExitMmap(common: Common, body: string): CaptureEvent | undefined {
  const found = EXIT_MMAP.exec(body);
  if (!found) return undefined;
  const [, pid, tgid, comm, torn = NULL, users, count] = found;
  const task = sample(pid, tgid, comm, undefined, undefined);
  return { ...common, kind: "exit_mmap", task, torn, counts: countsOf(torn, users, count) };
}

/** Bits of prev_state, the lowest first; 0 and the one that marks a preemption leave the task runnable. */
const STATES: readonly (readonly [number, string])[] = [
  [0x100, "R"],
  [0x01, "S"],
  [0x02, "D"],
  [0x04, "T"],
  [0x08, "t"],
  [0x10, "X"],
  [0x20, "X"],
  [0x40, "P"],
  [0x80, "I"],
];

const letterOf = (state: number): string => STATES.find(([bit]) => (state & bit) !== 0)?.[1] ?? "R";
