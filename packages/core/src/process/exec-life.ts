import { createMachine } from "xstate";
import { assert } from "../base/index.ts";
import { compileChart } from "./chart.ts";

/**
 * The life of one exec. Up to the point of no return a failure leaves the caller as it was; behind it the caller's
 * old program is gone, and a failure kills.
 */
export const execChart = createMachine({
  id: "exec",
  initial: "preparing",
  states: {
    preparing: { on: { fail: "refused", pointOfNoReturn: "committed" } },
    committed: { on: { fail: "killed", start: "running" } },
    refused: { type: "final" },
    killed: { type: "final" },
    running: { type: "final" },
  },
});

export type ExecState = "preparing" | "committed" | "refused" | "killed" | "running";
export type ExecSignal = "fail" | "pointOfNoReturn" | "start";

export const execLife = compileChart<ExecState, ExecSignal>(execChart);

/** Where a signal leads an exec; an undrawn transition is a bug of the model. */
export function advanceExec(state: ExecState, signal: ExecSignal): ExecState {
  const next = execLife.next(state, signal);
  assert(next, `exec: ${signal} is not drawn from ${state}`);
  return next;
}
