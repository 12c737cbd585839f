import type { Life } from "@pagetrail/core";

/** Names with spaces need another one to be drawn by. */
const id = (state: string): string => state.replaceAll(" ", "_");

/** A chart as a Mermaid diagram: states, and an arrow with its signals for every pair that has some. */
export function mermaid<State extends string, Signal extends string>(life: Life<State, Signal>): string {
  const lines = ["stateDiagram-v2"];
  for (const state of life.states) if (id(state) !== state) lines.push(`  state "${state}" as ${id(state)}`);
  lines.push(`  [*] --> ${id(life.initial)}`);
  for (const from of life.states) {
    const arrows = arrowsFrom(life, from);
    for (const [to, signals] of arrows) lines.push(`  ${id(from)} --> ${id(to)}: ${signals.join(", ")}`);
    if (arrows.size === 0) lines.push(`  ${id(from)} --> [*]`);
  }
  return lines.join("\n");
}

function arrowsFrom<State extends string, Signal extends string>(
  life: Life<State, Signal>,
  from: State,
): ReadonlyMap<State, readonly Signal[]> {
  const arrows = new Map<State, Signal[]>();
  for (const signal of life.signals) {
    const to = life.next(from, signal);
    if (to !== undefined) arrows.set(to, [...(arrows.get(to) ?? []), signal]);
  }
  return arrows;
}
