import { createMachine } from "xstate";
import { compileChart } from "./chart.ts";

/**
 * The life of a task as far as address spaces see it. `vforked` is a parent that sleeps until its vfork
 * child lets go of the shared address space.
 */
export const taskChart = createMachine({
  id: "task",
  initial: "running",
  states: {
    running: { on: { vfork: "vforked", exit: "zombie", exitUnwaited: "dead" } },
    // A recording may show a call of a parent that sleeps; its next vfork leaves it asleep.
    vforked: { on: { vfork: "vforked", childReleased: "running", exit: "zombie", exitUnwaited: "dead" } },
    zombie: { on: { reap: "dead" } },
    dead: { type: "final" },
  },
});

export type TaskState = "running" | "vforked" | "zombie" | "dead";
export type TaskSignal = "vfork" | "childReleased" | "exit" | "exitUnwaited" | "reap";

export const taskLife = compileChart<TaskState, TaskSignal>(taskChart);
