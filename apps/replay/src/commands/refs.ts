import { type Event, holderText, type KernelState, type MmStruct, ok, type Ref } from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { type LoadedLog, openAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { chooseProcess } from "../process-choice.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface RefsOptions extends CommonOptions {
  readonly at: string;
  readonly pid?: number;
}

/** Shows who holds each address space at one moment, and since which event. */
export async function refsCommand(path: string, options: RefsOptions, out: Output): Ending {
  const log = await openAt(path, out, options);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  let wanted = [...state.value.mms.values()];
  if (options.pid !== undefined) {
    const chosen = chooseProcess(log.value, state.value, options.pid);
    if (!chosen.ok) return chosen;
    const { mm } = chosen.value;
    wanted = mm ? [mm] : [];
  }
  const spaces = wanted.map((mm) => spaceOf(log.value, state.value, mm));
  if (options.json) {
    out.document({ log: log.value.name, event: state.value.seq, mms: spaces });
    return ok(0);
  }
  out.note(`${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
  out.lines(table(COLUMNS, spaces.flatMap(rows)));
  return ok(0);
}

const COLUMNS = [
  { title: "MM", right: true },
  { title: "USERS", right: true },
  { title: "COUNT", right: true },
  { title: "LIFE" },
  { title: "HOLDS" },
  { title: "HOLDER" },
  { title: "SINCE", right: true },
  { title: "CAUSE" },
];

type Space = ReturnType<typeof spaceOf>;

function spaceOf({ timeline }: LoadedLog, state: KernelState, mm: MmStruct) {
  const held = [...state.refs.values()].filter((ref) => ref.mm === mm.id);
  return {
    id: mm.id,
    users: mm.mmUsers,
    count: mm.mmCount,
    life: mm.kernel ? "init_mm" : mm.life,
    holders: held.map((ref) => holderOf(state, ref, timeline.eventAt(ref.since))),
  };
}

function holderOf(state: KernelState, { counter, holder, since }: Ref, event: Event | undefined) {
  const task = holder.kind === "task" || holder.kind === "kthread" ? state.tasks.get(holder.pid) : undefined;
  return {
    counter,
    kind: holder.kind,
    holder: `${holderText(holder)}${task ? ` (${task.comm})` : ""}`,
    since,
    cause: event ? (event.as ?? event.request.call) : "boot",
    ...(event?.line === undefined ? {} : { line: event.line }),
  };
}

function rows({ id, users, count, life, holders }: Space): string[][] {
  return holders.map(({ counter, holder, since, cause, line }, i) => [
    ...(i === 0 ? [id, users, count, life].map(String) : ["", "", "", ""]),
    counter === "users" ? "mm_users" : "mm_count",
    holder,
    String(since),
    line === undefined ? cause : `${cause}, line ${line}`,
  ]);
}
