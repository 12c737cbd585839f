import { type KernelState, type MmStruct, ok, type Pid, type Result } from "@pagetrail/core";
import { type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import type { Problem } from "../problem.ts";
import { lastName, listProcesses, type ProcessLife } from "../process-list.ts";
import { diffSnapshots, type Snapshot, type SnapshotDiff, snapshotOfProcess } from "../snapshot.ts";
import { counted } from "../text/numbers.ts";
import { snapshotJson, snapshotLines } from "../text/snapshot-text.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface DiffLogsOptions extends CommonOptions {
  readonly normalize?: boolean;
}

/** How one process of two logs compares: alone in one of them, or with what differs. */
interface ProcessDiff {
  /** The command name and, where several have it, which one: `bash`, `cat 2`. */
  readonly name: string;
  readonly left?: ProcessLife;
  readonly right?: ProcessLife;
  readonly diff?: SnapshotDiff;
}

/**
 * Compares the last maps of the processes of two logs. Processes are matched by command name, in order of
 * appearance; mappings by file and place, which with `normalize` counts from the base of their region.
 */
export async function diffLogs(
  left: string,
  right: string,
  { json, normalize = false }: DiffLogsOptions,
  out: Output,
): Ending {
  const a = await openLog(left, out);
  if (!a.ok) return a;
  const b = await openLog(right, out);
  if (!b.ok) return b;
  const compared = compare(a.value, b.value, normalize);
  if (!compared.ok) return compared;
  const differing = compared.value.filter(({ diff }) => !diff || diff.changes.length > 0);
  if (json) out.document({ logs: [a.value.name, b.value.name], normalize, processes: differing.map(asJson) });
  else {
    out.note(
      `the last maps of ${counted(compared.value.length, "process", "processes")} in ${a.value.name} and ${b.value.name}`,
    );
    out.lines(differing.flatMap((diff) => [...asText(diff, out)]));
    if (differing.length === 0) out.note(normalize ? "no difference but for random places" : "no difference");
    else if (!normalize) out.note("with --normalize, places count from the bases that the kernel chose");
  }
  return ok(differing.length === 0 ? 0 : 1);
}

function compare(a: LoadedLog, b: LoadedLog, normalize: boolean): Result<readonly ProcessDiff[], Problem> {
  const [left, right] = [named(a), named(b)];
  const diffs: ProcessDiff[] = [];
  for (const [name, life] of left) {
    const twin = right.get(name);
    if (!twin) diffs.push({ name, left: life });
    else {
      const before = lastMappings(a, life);
      if (!before.ok) return before;
      const after = lastMappings(b, twin);
      if (!after.ok) return after;
      const diff = diffSnapshots(before.value, after.value, normalize);
      diffs.push({ name, left: life, right: twin, diff });
    }
  }
  for (const [name, life] of right) if (!left.has(name)) diffs.push({ name, right: life });
  return ok(diffs);
}

/** The processes of a log by command name and number. */
function named({ timeline }: LoadedLog): ReadonlyMap<string, ProcessLife> {
  const counts = new Map<string, number>();
  const lives = new Map<string, ProcessLife>();
  for (const life of listProcesses(timeline.events)) {
    const name = lastName(life);
    const n = (counts.get(name) ?? 0) + 1;
    counts.set(name, n);
    lives.set(n === 1 ? name : `${name} ${n}`, life);
  }
  return lives;
}

function lastMappings(log: LoadedLog, life: ProcessLife): Result<Snapshot, Problem> {
  const state = stateAt(log, life.ended === undefined ? log.timeline.last : life.ended - 1);
  return state.ok ? ok(snapshotOfProcess(state.value, mmOf(state.value, life.pid))) : state;
}

function mmOf(state: KernelState, pid: number): MmStruct | undefined {
  const task = state.tasks.get(pid as Pid);
  return task && state.mms.get(task.mm);
}

function* asText({ name, left, right, diff }: ProcessDiff, out: Output): Generator<string> {
  const { bold, added, removed } = out.style;
  if (!left) yield added(`+ process ${name} (${right?.pid})`);
  else if (!right) yield removed(`- process ${name} (${left.pid})`);
  else yield bold(`process ${name} (${left.pid} and ${right.pid})`);
  if (diff) yield* snapshotLines(diff, out.style);
}

const asJson = ({ name, left, right, diff }: ProcessDiff) => ({
  name,
  pids: [left?.pid ?? null, right?.pid ?? null],
  ...(diff ? snapshotJson(diff) : { changes: [], sizes: [] }),
});
