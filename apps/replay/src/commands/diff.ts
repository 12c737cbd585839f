import {
  diffPages,
  hex,
  type KernelState,
  type MapChange,
  ok,
  PAGE_SIZE,
  type PageChange,
  type Result,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import { chooseProcess } from "../process-choice.ts";
import {
  changesBetween,
  type DiffSide,
  diffLines,
  pageLines,
  sideAfter,
  sideBefore,
  totals,
} from "../text/diff-text.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { CommonOptions, Ending } from "./command.ts";
import { diffLogs } from "./diff-logs.ts";

export interface DiffOptions extends CommonOptions {
  readonly at?: string;
  readonly pid: readonly number[];
}

/** One process at one moment, as a side of a comparison. */
interface NamedSide extends DiffSide {
  readonly pid: number;
  readonly label: string;
}

const EMPTY: Result<never, Problem> = refused({
  what: "there is nothing to compare",
  where: "diff",
  advice: "give two positions, two logs, or --at POS --pid A --pid B; see pagetrail diff --help",
});

/** Compares two moments of a process, two processes at a moment, or two logs. */
export async function diffCommand(
  path: string,
  rest: readonly string[],
  options: DiffOptions,
  out: Output,
): Ending {
  const [a, b] = rest;
  if (options.at !== undefined) return rest.length === 0 ? diffProcesses(path, options, out) : EMPTY;
  if (a !== undefined && b === undefined)
    return options.pid.length === 0 ? diffLogs(path, a, options, out) : EMPTY;
  if (a === undefined || b === undefined || options.pid.length > 1) return EMPTY;
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const before = stateOf(log.value, a, out);
  if (!before.ok) return before;
  const after = stateOf(log.value, b, out);
  if (!after.ok) return after;
  const sides = momentsOf(log.value, [before.value, after.value], options.pid[0]);
  return sides.ok ? show(log.value, sides.value, options, out) : sides;
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

async function diffProcesses(path: string, { at, pid, json }: DiffOptions, out: Output): Ending {
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
  return left && right ? show(log.value, [left, right], { json: json === true, pid }, out) : EMPTY;
}

async function show(
  log: LoadedLog,
  [before, after]: readonly [NamedSide, NamedSide],
  { json }: DiffOptions,
  out: Output,
): Ending {
  const changes = changesBetween(before, after);
  const pages = diffPages(before.mm?.pages, after.mm?.pages);
  const same = changes.length === 0 && pages.length === 0;
  if (json) {
    out.document({
      log: log.name,
      before: { event: before.state.seq, pid: before.pid },
      after: { event: after.state.seq, pid: after.pid },
      changes: changes.map((change) => changeJson(change, before, after)),
      pages: before.mm?.pages || after.mm?.pages ? pages.map(pageJson) : null,
    });
  } else {
    out.note(`from ${before.label}`);
    out.note(`to   ${after.label}`);
    out.lines(diffLines(changes, before, after, { style: out.style }));
    out.lines(pageLines(pages, out.style));
    out.note(same ? "no difference" : totals(before.mm, after.mm));
  }
  return ok(same ? 0 : 1);
}

const pageJson = ({ kind, start, end }: PageChange): Readonly<Record<string, unknown>> => ({
  kind,
  start: hex(start * PAGE_SIZE),
  end: hex(end * PAGE_SIZE),
});

/** One change with both its sides. */
export function changeJson(
  change: MapChange,
  before: DiffSide,
  after: DiffSide,
): Readonly<Record<string, unknown>> {
  const { mm: left } = before;
  const { mm: right } = after;
  return {
    kind: change.kind,
    before: left ? sideBefore(change).map((vma) => vmaJson(before.state, left, vma)) : [],
    after: right ? sideAfter(change).map((vma) => vmaJson(after.state, right, vma)) : [],
  };
}
