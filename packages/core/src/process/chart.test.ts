import { describe, expect, test } from "vitest";
import { type AnyStateMachine, createMachine, transition } from "xstate";
import { getShortestPaths, getSimplePaths } from "xstate/graph";
import { compileChart, type Life } from "./chart.ts";
import { execChart, execLife } from "./exec-life.ts";
import { mmChart, mmLife } from "./mm-life.ts";
import { idleChart, idleLife, kthreadChart, kthreadLife, taskChart, taskLife } from "./task-life.ts";

type AnyLife = Life<string, string>;

const CHARTS: readonly (readonly [string, AnyStateMachine, AnyLife])[] = [
  ["task", taskChart, taskLife as AnyLife],
  ["kernel thread", kthreadChart, kthreadLife as AnyLife],
  ["idle task", idleChart, idleLife as AnyLife],
  ["address space", mmChart, mmLife as AnyLife],
  ["exec", execChart, execLife as AnyLife],
];

/** Every signal that any chart knows, so that each chart is asked for foreign ones too. */
const SIGNALS = [...new Set(CHARTS.flatMap(([, , life]) => life.signals))];

describe.each(CHARTS)("the table of the life of %s", (_, chart, life) => {
  test("begins where the chart begins", () => {
    expect(life.initial).toBe(chart.getInitialSnapshot({} as never).value);
  });

  test("leads from every state, on every signal, where xstate leads; nowhere where xstate stays", () => {
    for (const state of life.states) {
      for (const signal of SIGNALS) {
        const here = chart.resolveState({ value: state, context: {} });
        const drawn = chart.root.states[state]?.transitions.has(signal);
        const [there] = transition(chart, here, { type: signal } as never);
        expect.soft(life.next(state, signal), `${state} on ${signal}`).toBe(drawn ? there.value : undefined);
      }
    }
  });

  test("reaches every state, by paths that the table walks as xstate does", () => {
    const paths = getShortestPaths(chart);
    const ends = new Set(paths.map((path) => path.state.value));
    expect([...ends].toSorted()).toEqual([...life.states].toSorted());
    for (const path of getSimplePaths(chart)) {
      let state: string | undefined = life.initial;
      for (const { event } of path.steps.slice(1)) state = state && life.next(state, event.type);
      expect.soft(state).toBe(path.state.value);
    }
  });
});

test("a chart that is more than states and plain transitions is not compiled", () => {
  const guarded = createMachine({
    initial: "a",
    states: { a: { on: { go: [{ target: "b", guard: () => true }, { target: "a" }] } }, b: {} },
  });
  expect(() => compileChart(guarded)).toThrow("one plain transition");
});
