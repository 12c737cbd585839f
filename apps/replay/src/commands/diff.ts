import {
  changesOf,
  changesOfSpace,
  diffStates,
  encodeSteps,
  type KernelState,
  ok,
  type Result,
  renamedFiles,
  SHOWN_STEPS,
  type StateChanges,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import { chooseProcess } from "../process-choice.ts";
import { diffSnapshots, type Snapshot, snapshotOfProcess } from "../snapshot.ts";
import { type DiffSide, totals } from "../text/diff-text.ts";
import { snapshotJson, snapshotLines } from "../text/snapshot-text.ts";
import { isNothing, machineJson, machineLines, spaceJson, spaceLines } from "../text/state-diff-text.ts";
import type { CommonOptions, Ending } from "./command.ts";
import { diffLogs } from "./diff-logs.ts";
import { diffTexts, isMapsFile } from "./diff-texts.ts";

export interface DiffOptions extends CommonOptions {
  readonly at?: string;
  readonly pid: readonly number[];
  readonly normalize?: boolean;
  readonly steps?: boolean;
}

/** One process at one moment, as a side of a comparison. */
interface NamedSide extends DiffSide {
  readonly pid: number;
  readonly label: string;
}

const EMPTY: Result<never, Problem> = refused({
  what: "there is nothing to compare",
  where: "diff",
  advice:
    "give two positions, two logs, two texts of maps, or --at POS --pid A --pid B; see pagetrail diff --help",
});

/** Compares two moments, two processes at a moment, two logs, or two texts of maps or smaps. */
export async function diffCommand(
  path: string,
  rest: readonly string[],
  options: DiffOptions,
  out: Output,
): Ending {
  const [a, b] = rest;
  if (options.at !== undefined)
    return rest.length === 0 && !options.steps ? diffProcesses(path, options, out) : EMPTY;
  if (a !== undefined && b === undefined) {
    if (options.pid.length > 0 || options.steps) return EMPTY;
    return isMapsFile(path) || isMapsFile(a)
      ? diffTexts(path, a, options, out)
      : diffLogs(path, a, options, out);
  }
  if (a === undefined || b === undefined || options.pid.length > 1 || options.normalize) return EMPTY;
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const before = stateOf(log.value, a, out);
  if (!before.ok) return before;
  const after = stateOf(log.value, b, out);
  if (!after.ok) return after;
  const states = [before.value, after.value] as const;
  if (options.steps) return ok(showSteps(log.value, states, out));
  const sides = momentsOf(log.value, states, options.pid[0]);
  return sides.ok ? show(log.value, sides.value, options, out) : sides;
}

/** The steps from one state to the other, which lead there when they are applied. */
function showSteps(log: LoadedLog, [a, b]: readonly [KernelState, KernelState], out: Output): 0 | 1 {
  const steps = encodeSteps(diffStates(a, b));
  const shown = [...new Set(steps.map(({ kind }) => kind as string))].filter((kind) => SHOWN_STEPS.has(kind));
  out.document({ log: log.name, before: a.seq, after: b.seq, shown, steps });
  return steps.length === 0 ? 0 : 1;
}

/** One process at two moments; at one of them it may not be there. */
function momentsOf(
  log: LoadedLog,
  [before, after]: readonly [KernelState, KernelState],
  pid: number | undefined,
): Result<readonly [NamedSide, NamedSide], Problem> {
  const earlier = chooseProcess(log, before, pid);
  const chosen = earlier.ok ? earlier : chooseProcess(log, after, pid);
  if (!chosen.ok) return chosen;
  const { task, label } = chosen.value;
  const side = (state: KernelState): NamedSide => {
    const there = state.tasks.get(task.pid);
    const mm = there && there.mm !== 0 ? state.mms.get(there.mm) : undefined;
    const name = there ? label : `${label}, which is not there`;
    return { state, mm, pid: task.pid, label: `${name} behind ${describeMoment(log, state.seq)}` };
  };
  return ok([side(before), side(after)]);
}

async function diffProcesses(path: string, { at, pid, json, normalize }: DiffOptions, out: Output): Ending {
  const [a, b] = pid;
  if (at === undefined || a === undefined || b === undefined || pid.length > 2) return EMPTY;
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const state = stateOf(log.value, at, out);
  if (!state.ok) return state;
  const sides: NamedSide[] = [];
  for (const one of [a, b]) {
    const chosen = chooseProcess(log.value, state.value, one);
    if (!chosen.ok) return chosen;
    const label = `${chosen.value.label} behind ${describeMoment(log.value, state.value.seq)}`;
    sides.push({ state: state.value, mm: chosen.value.mm, pid: one, label });
  }
  const [left, right] = sides;
  if (!left || !right) return EMPTY;
  if (normalize) return showNormalized(log.value, [left, right], json === true, out);
  return show(log.value, [left, right], { json: json === true, pid }, out);
}

/** Two processes as if the kernel had put both at the same places. */
async function showNormalized(
  log: LoadedLog,
  [before, after]: readonly [NamedSide, NamedSide],
  json: boolean,
  out: Output,
): Ending {
  const [a, b] = [before, after].map(({ state, mm }) => snapshotOfProcess(state, mm));
  const diff = diffSnapshots(a as Snapshot, b as Snapshot, true);
  if (json)
    out.document({ log: log.name, ...sidesJson(before, after), normalize: true, ...snapshotJson(diff) });
  else {
    out.note(`from ${before.label}`);
    out.note(`to   ${after.label}`);
    out.lines(snapshotLines(diff, out.style));
    if (diff.changes.length === 0) out.note("no difference but for random places");
  }
  return ok(diff.changes.length === 0 ? 0 : 1);
}

const sidesJson = (before: NamedSide, after: NamedSide) => ({
  before: { event: before.state.seq, pid: before.pid },
  after: { event: after.state.seq, pid: after.pid },
});

/** One process, and at two moments, where none was named, whatever else the machine has different. */
async function show(
  log: LoadedLog,
  [before, after]: readonly [NamedSide, NamedSide],
  { json, pid }: DiffOptions,
  out: Output,
): Ending {
  const whole = changesOf(before.state, after.state);
  const own = changesOfSpace(before.mm, after.mm, renamedFiles(before.state, after.state));
  const others = new Set([before.mm?.id, after.mm?.id]);
  const machine: StateChanges | undefined =
    pid.length > 0 ? undefined : { ...whole, spaces: whole.spaces.filter(({ mm }) => !others.has(mm)) };
  const same =
    own.maps.length + own.pages.length + own.counters.length === 0 && (!machine || isNothing(machine));
  if (json) {
    out.document({
      log: log.name,
      ...sidesJson(before, after),
      ...spaceJson(own, before, after),
      ...(machine && { machine: machineJson(machine, before.state, after.state) }),
    });
  } else {
    out.note(`from ${before.label}`);
    out.note(`to   ${after.label}`);
    out.lines(spaceLines(own, before, after, out.style));
    if (machine) out.lines(machineLines(machine, before.state, after.state, out.style));
    out.note(same ? "no difference" : totals(before.mm, after.mm));
  }
  return ok(same ? 0 : 1);
}
