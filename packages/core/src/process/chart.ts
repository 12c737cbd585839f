import type { AnyStateMachine } from "xstate";
import { assert } from "../base/index.ts";

/** A chart as a table: where each signal leads from each state. Undrawn is undefined, never silence. */
export interface Life<State extends string, Signal extends string> {
  readonly initial: State;
  readonly states: readonly State[];
  readonly signals: readonly Signal[];
  next(state: State, signal: Signal): State | undefined;
}

/** Reads a flat xstate chart (states and named transitions only) into a table, once. */
export function compileChart<State extends string, Signal extends string>(
  chart: AnyStateMachine,
): Life<State, Signal> {
  const table = new Map<State, Map<Signal, State>>();
  const signals = new Set<Signal>();
  for (const [name, node] of Object.entries(chart.root.states)) {
    const row = new Map<Signal, State>();
    for (const [signal, transitions] of node.transitions) {
      const target = transitions[0]?.target?.[0];
      assert(transitions.length === 1 && target, `${name} on ${signal}: one plain transition`);
      row.set(signal as Signal, target.key as State);
      signals.add(signal as Signal);
    }
    table.set(name as State, row);
  }
  const initial = chart.root.initial.target[0];
  assert(initial, "a chart has an initial state");
  return {
    initial: initial.key as State,
    states: [...table.keys()],
    signals: [...signals],
    next: (state, signal) => table.get(state)?.get(signal),
  };
}
