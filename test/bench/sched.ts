import {
  advanceState,
  type Event,
  initialState,
  type KernelState,
  type Pid,
  REFERENCE_PROFILE,
  type Request,
  replayEvents,
} from "@pagetrail/core";
import type { Measure, Row } from "./row.ts";
import { alternate } from "./timing.ts";

const CPUS = 4;
const FEW = 10;
const MANY = 10_000;
const EVENTS = 200_000;
const ROUNDS = 5;
const SIGCHLD = 17;
const INIT = 1;

/** A log that begins with `tasks` processes, and more events on it. */
interface Scene {
  readonly origin: KernelState;
  readonly events: readonly Event[];
}

const eventAt = (seq: number, tid: number, request: Request): Event => ({
  seq,
  tid: tid as Pid,
  request,
  outcome: request.call === "clone" ? { ret: request.child } : { ret: 0 },
});

function populated(tasks: number): KernelState {
  let state = initialState({ ...REFERENCE_PROFILE, scheduling: { cpus: CPUS, lazyTlb: "refcount" } });
  const add = (tid: number, request: Request): void => {
    state = advanceState(state, eventAt(state.seq + 1, tid, request)).state;
  };
  add(INIT, { call: "adopt", comm: "init", tgid: INIT as Pid });
  for (let child = INIT + 1; child <= tasks; child++)
    add(INIT, { call: "clone", flags: SIGCHLD, child: child as Pid });
  return state;
}

/** The CPUs turn, one after the other, to tasks all over the place; every other turn is to idle. */
function switches(tasks: number): Scene {
  const origin = populated(tasks);
  const current = Array.from({ length: CPUS }, () => 0);
  const events: Event[] = [];
  for (let i = 0; events.length < EVENTS; i++) {
    const cpu = i % CPUS;
    const tid = current[cpu] ?? 0;
    const candidate = 1 + ((i * 7919) % tasks);
    const next = tid !== 0 && i % 2 === 0 ? 0 : current.includes(candidate) ? 0 : candidate;
    if (next === tid) continue;
    const state = tid === 0 ? "R" : "S";
    events.push(eventAt(origin.seq + events.length + 1, tid, { call: "switch", cpu, next, state }));
    current[cpu] = next;
  }
  return { origin, events };
}

/** A process forks, its child exits, and is waited for. */
function forks(tasks: number): Scene {
  const origin = populated(tasks);
  const child = (tasks + 1) as Pid;
  const events: Event[] = [];
  for (let i = 0; events.length + 3 <= EVENTS; i++) {
    const parent = 1 + ((i * 7919) % tasks);
    const requests: readonly (readonly [number, Request])[] = [
      [parent, { call: "clone", flags: SIGCHLD, child }],
      [child, { call: "exit_group", code: 0 }],
      [parent, { call: "reap", child }],
    ];
    for (const [tid, request] of requests) events.push(eventAt(origin.seq + events.length + 1, tid, request));
  }
  return { origin, events };
}

function* rows(name: string, make: (tasks: number) => Scene): Iterable<Row> {
  const few = make(FEW);
  const many = make(MANY);
  const replay =
    ({ origin, events }: Scene) =>
    () =>
    () => {
      const { differs } = replayEvents(origin, events);
      if (differs) throw new Error(`event ${differs.event.seq} replays otherwise`);
    };
  const times = alternate({ few: replay(few), many: replay(many) }, ROUNDS);
  const micros = (ms: number, { events }: Scene): number => (ms / events.length) * 1000;
  const value = micros(times.many, many);
  const baseline = { name: `${FEW} tasks`, value: micros(times.few, few) };
  yield {
    name,
    value,
    unit: "µs/event",
    baseline,
    ratio: value / baseline.value,
    bar: { atMost: 2 },
    note: `with ${MANY.toLocaleString("en")} tasks: ${Math.round(1e6 / value).toLocaleString("en")} a second in bulk replay`,
  };
}

export const SCHED: readonly Measure[] = [
  {
    name: "switches",
    about: "context switches on 4 CPUs with 10,000 tasks, against 10",
    run: () => rows("switches", switches),
  },
  {
    name: "forks",
    about: "fork, exit and wait with 10,000 tasks, against 10",
    run: () => rows("forks", forks),
  },
];
