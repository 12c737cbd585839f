import { type KernelState, ok, pidOf, type Task } from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { openAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { count, kilobytes } from "../text/numbers.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface PsOptions extends CommonOptions {
  readonly at: string;
}

/** Lists the tasks of one moment with their address spaces. */
export async function psCommand(path: string, options: PsOptions, out: Output): Ending {
  const log = await openAt(path, out, options);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const tasks = [...state.value.tasks.values()].map((task) => taskRow(state.value, task));
  if (options.json) {
    out.document({ log: log.value.name, event: state.value.seq, tasks });
    return ok(0);
  }
  out.note(`${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
  out.lines(table(COLUMNS, tasks.map(cells)));
  return ok(0);
}

const COLUMNS = [
  { title: "PID", right: true },
  { title: "TGID", right: true },
  { title: "PPID", right: true },
  { title: "STATE" },
  { title: "MM", right: true },
  { title: "USERS", right: true },
  { title: "COUNT", right: true },
  { title: "VMAS", right: true },
  { title: "KB", right: true },
  { title: "ACTIVE_MM", right: true },
  { title: "COMM" },
];

type TaskRow = ReturnType<typeof taskRow>;

function taskRow(state: KernelState, task: Task) {
  const mm = task.mm === 0 ? undefined : state.mms.get(task.mm);
  return {
    pid: pidOf(task),
    tgid: Math.max(task.tgid, 0),
    ppid: task.parent,
    state: task.state,
    comm: task.kind === undefined ? task.comm : `[${task.comm}]`,
    activeMm: task.activeMm === 0 ? null : task.activeMm,
    mm: mm
      ? { id: mm.id, users: mm.mmUsers, count: mm.mmCount, vmas: mm.vmas.size, kb: kilobytes(mm.totalVm) }
      : null,
  };
}

function cells({ pid, tgid, ppid, state, comm, mm, activeMm }: TaskRow): string[] {
  const space = mm ? [mm.id, mm.users, mm.count, mm.vmas, count(mm.kb)] : ["–", "–", "–", "–", "–"];
  return [pid, tgid, ppid, state, ...space, activeMm ?? "–", comm].map(String);
}
