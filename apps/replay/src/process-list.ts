import { CLONE, type Event } from "@pagetrail/core";

/** One process from its first event to its last, as the events tell it. */
export interface ProcessLife {
  readonly pid: number;
  /** 0 for one that was there before the recording. */
  readonly parent: number;
  /** The command names that it had, in order. */
  readonly names: readonly string[];
  /** The event that brought it into the log, and the last of its own. */
  readonly first: number;
  readonly last: number;
  /** The event at which it left its address space; absent while it has one. */
  readonly ended?: number;
  /** Tasks that it ever had, the first included. */
  readonly tasks: number;
  readonly events: number;
}

type Life = { -readonly [K in keyof ProcessLife]: ProcessLife[K] } & { live: number };

/** Every process of a log in order of appearance; a pid that was used again appears again. */
export function listProcesses(events: Iterable<Event>): readonly ProcessLife[] {
  const list: Life[] = [];
  const byTid = new Map<number, Life>();
  for (const event of events) {
    const life = ownerOf(event, byTid, list);
    if (!life) continue;
    life.last = event.seq;
    life.events += 1;
    follow(event, life, byTid, list);
  }
  return list;
}

/** The name of a process at its end. */
export const lastName = (life: ProcessLife): string => life.names.at(-1) ?? "?";

function ownerOf({ tid, seq, request }: Event, byTid: Map<number, Life>, list: Life[]): Life | undefined {
  if (request.call !== "adopt") return byTid.get(tid);
  const leader = byTid.get(request.tgid);
  if (request.tgid !== tid && leader) {
    addTask(leader, tid, byTid);
    return leader;
  }
  return begin({ pid: tid, parent: 0, name: request.comm, seq }, byTid, list);
}

function begin(
  born: { readonly pid: number; readonly parent: number; readonly name: string; readonly seq: number },
  byTid: Map<number, Life>,
  list: Life[],
): Life {
  const { pid, parent, name, seq } = born;
  const life: Life = { pid, parent, names: [name], first: seq, last: seq, tasks: 1, live: 1, events: 0 };
  list.push(life);
  byTid.set(pid, life);
  return life;
}

function addTask(life: Life, tid: number, byTid: Map<number, Life>): void {
  byTid.set(tid, life);
  life.tasks += 1;
  life.live += 1;
}

function follow({ request, outcome, seq }: Event, life: Life, byTid: Map<number, Life>, list: Life[]): void {
  switch (request.call) {
    case "clone":
      if (request.child === 0 || !("ret" in outcome)) return;
      if ((request.flags & CLONE.THREAD) !== 0) addTask(life, request.child, byTid);
      else begin({ pid: request.child, parent: life.pid, name: lastName(life), seq }, byTid, list);
      return;
    case "execve":
      if (!request.load || !("ret" in outcome)) return;
      life.names = [...life.names, request.load.comm];
      life.live = 1;
      return;
    case "exit":
      life.live -= 1;
      if (life.live <= 0) life.ended ??= seq;
      return;
    case "exit_group":
    case "kill":
      life.ended ??= seq;
      return;
    default:
      return;
  }
}
