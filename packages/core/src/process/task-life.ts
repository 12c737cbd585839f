import { createMachine } from "xstate";
import { compileChart, type Life } from "./chart.ts";

/**
 * The life of a user task. `vforked` is a parent that sleeps until its vfork child lets go of the shared address
 * space; `dumping` a thread that waits until another of its process has written a core dump; `dead` one that was
 * waited for and only has to leave its CPU. Whoever sleeps can be killed there: what a fatal signal makes it run before
 * it is gone need not be told.
 */
export const taskChart = createMachine({
  id: "task",
  initial: "new",
  states: {
    // A log without CPUs does not tell who runs: all that live count as running.
    new: { on: { wakeNew: "runnable", unobserved: "running" } },
    runnable: {
      on: { pick: "running", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    running: {
      on: {
        preempt: "runnable",
        sleep: "interruptible",
        sleepDeep: "uninterruptible",
        sleepIdle: "idling",
        stop: "stopped",
        trace: "traced",
        vfork: "vforked",
        awaitDump: "dumping",
        exit: "zombie",
        exitUnwaited: "dead",
      },
    },
    interruptible: {
      on: { wake: "runnable", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    uninterruptible: {
      on: { wake: "runnable", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    idling: {
      on: { wake: "runnable", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    stopped: {
      on: { wake: "runnable", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    traced: {
      on: { wake: "runnable", vfork: "vforked", awaitDump: "dumping", exit: "zombie", exitUnwaited: "dead" },
    },
    // A recording may show a call of a parent that sleeps; its next vfork leaves it asleep.
    vforked: {
      on: {
        vfork: "vforked",
        childReleased: "running",
        wake: "runnable",
        awaitDump: "dumping",
        exit: "zombie",
        exitUnwaited: "dead",
      },
    },
    dumping: { on: { exit: "zombie", exitUnwaited: "dead" } },
    zombie: { on: { reap: "dead" } },
    dead: { type: "final" },
  },
});

/** The life of a kernel thread: it is never a zombie, because nobody waits for it, and may be parked. */
export const kthreadChart = createMachine({
  id: "kthread",
  initial: "new",
  states: {
    new: { on: { wakeNew: "runnable" } },
    runnable: { on: { pick: "running", exitUnwaited: "dead" } },
    running: {
      on: {
        preempt: "runnable",
        sleep: "interruptible",
        sleepDeep: "uninterruptible",
        sleepIdle: "idling",
        park: "parked",
        exitUnwaited: "dead",
      },
    },
    interruptible: { on: { wake: "runnable", exitUnwaited: "dead" } },
    uninterruptible: { on: { wake: "runnable", exitUnwaited: "dead" } },
    idling: { on: { wake: "runnable", exitUnwaited: "dead" } },
    parked: { on: { wake: "runnable", exitUnwaited: "dead" } },
    dead: { type: "final" },
  },
});

/** The life of a CPU's idle task: it never sleeps and never ends; while its CPU is offline it plays dead. */
export const idleChart = createMachine({
  id: "idle",
  initial: "running",
  states: {
    running: { on: { preempt: "runnable", goOffline: "offline" } },
    runnable: { on: { pick: "running" } },
    offline: { on: { comeOnline: "running" } },
  },
});

export type TaskState =
  | "new"
  | "runnable"
  | "running"
  | "interruptible"
  | "uninterruptible"
  | "idling"
  | "stopped"
  | "traced"
  | "parked"
  | "vforked"
  | "dumping"
  | "offline"
  | "zombie"
  | "dead";

export type TaskSignal =
  | "wakeNew"
  | "unobserved"
  | "pick"
  | "preempt"
  | "sleep"
  | "sleepDeep"
  | "sleepIdle"
  | "stop"
  | "trace"
  | "park"
  | "wake"
  | "vfork"
  | "childReleased"
  | "awaitDump"
  | "exit"
  | "exitUnwaited"
  | "reap"
  | "goOffline"
  | "comeOnline";

/** What a task is besides an ordinary one: PF_KTHREAD, or a CPU's idle task. */
export type TaskKind = "kthread" | "idle";

export const taskLife = compileChart<TaskState, TaskSignal>(taskChart);
export const kthreadLife = compileChart<TaskState, TaskSignal>(kthreadChart);
export const idleLife = compileChart<TaskState, TaskSignal>(idleChart);

/** The states of all tasks, of whatever kind. */
export const TASK_STATES: readonly TaskState[] = [
  ...new Set([taskLife, kthreadLife, idleLife].flatMap(({ states }) => states)),
];

/** The table by which a task of this kind lives. */
export function lifeOf(kind: TaskKind | undefined): Life<TaskState, TaskSignal> {
  if (kind === undefined) return taskLife;
  return kind === "kthread" ? kthreadLife : idleLife;
}
