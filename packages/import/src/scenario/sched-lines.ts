import { isLive, type Pid, type Request } from "@pagetrail/core";
import type { Ask } from "./ask.ts";
import type { Cursor } from "./cursor.ts";
import { knownName, newName } from "./names.ts";
import { takePid } from "./operands.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";
import type { RequestLine } from "./statement.ts";

/** What a line asks for, and who asks: 0 for an idle CPU, and for nobody. */
export type SchedLine = Pick<RequestLine, "who" | "ask">;

type SchedLineReader = (cursor: Cursor, scope: Scope) => SchedLine;

const NOBODY = 0 as Pid;
const CPU = /cpu\d+/;
const HOLDER = /"(?:[^"\\]|\\.)*"/;

/** How a task leaves its CPU, by the letters that the kernel prints. */
const LETTERS = ["R", "S", "D", "I", "T", "t", "P", "X"] as const;

export const readCpu = (cursor: Cursor): number => Number(cursor.need(CPU, "a CPU such as cpu0").slice(3));

const readHolder = (cursor: Cursor): string => cursor.need(HOLDER, "a name in quotes").slice(1, -1);

const asked = (request: (scene: Scene) => Request): SchedLine => ({
  who: () => NOBODY,
  ask: (scene) => [{ request: request(scene) }],
});

/** A line about one task, of whatever kind. */
const aboutTask =
  (call: Extract<Request, { readonly target: Pid }>["call"] & string, what: string): SchedLineReader =>
  (cursor, scope) => {
    const target = knownName(cursor, scope, "process", what);
    return asked((scene) => ({ call, target: scene.pid(target.of(scene)) }) as Request);
  };

const readKthread: SchedLineReader = (cursor, scope) => {
  const name = newName(cursor, scope, "process", "a name for the kernel thread");
  const wanted = takePid(cursor);
  return asked((scene) => {
    const comm = name.of(scene);
    return { call: "kthread", child: scene.hire(comm, wanted), comm };
  });
};

const readSwitch: SchedLineReader = (cursor, scope) => {
  const cpu = readCpu(cursor);
  const idle = cursor.word("idle") !== undefined;
  const next = idle ? undefined : knownName(cursor, scope, "process", "a process");
  const letter = cursor.word("leaving") === undefined ? undefined : cursor.oneOf(...LETTERS);
  const ask: Ask = (scene) => {
    const to = next === undefined ? 0 : scene.pid(next.of(scene));
    return [{ request: { call: "switch", cpu, next: to, state: letter ?? usualLetter(scene, cpu) } }];
  };
  return { who: (scene) => Math.max(scene.state.cpus.get(cpu)?.current ?? 0, 0) as Pid, ask };
};

/** Idle tasks are preempted, whoever has exited leaves for good, all others sleep. */
function usualLetter({ state }: Scene, cpu: number): string {
  const current = state.tasks.get(state.cpus.get(cpu)?.current ?? NOBODY);
  if (!current || current.kind === "idle") return "R";
  return isLive(current) ? "S" : "X";
}

const readMigrate: SchedLineReader = (cursor, scope) => {
  const target = knownName(cursor, scope, "process", "a process");
  const cpu = readCpu(cursor);
  return asked((scene) => ({ call: "migrate", target: scene.pid(target.of(scene)), cpu }));
};

const readHold: SchedLineReader = (cursor, scope) => {
  const target = knownName(cursor, scope, "process", "a process");
  const counter = cursor.oneOf("users", "count");
  const holder = readHolder(cursor);
  return asked((scene) => ({ call: "hold", target: scene.pid(target.of(scene)), counter, holder }));
};

const readRelease: SchedLineReader = (cursor) => {
  const holder = readHolder(cursor);
  return asked(() => ({ call: "release", holder }));
};

const powering =
  (call: "cpu_online" | "cpu_offline"): SchedLineReader =>
  (cursor) => {
    const cpu = readCpu(cursor);
    return asked(() => ({ call, cpu }));
  };

/** Lines about CPUs, kernel threads and references, by the word that they begin with. */
export const SCHED_LINES: Readonly<Record<string, SchedLineReader>> = {
  kthread: readKthread,
  switch: readSwitch,
  wake: aboutTask("wake", "a process"),
  migrate: readMigrate,
  online: powering("cpu_online"),
  offline: powering("cpu_offline"),
  stop: aboutTask("kthread_stop", "a kernel thread"),
  park: aboutTask("kthread_park", "a kernel thread"),
  unpark: aboutTask("kthread_unpark", "a kernel thread"),
  hold: readHold,
  release: readRelease,
  oom_kill: aboutTask("oom_kill", "a process"),
  oom_reap: aboutTask("oom_reap", "a process"),
};
