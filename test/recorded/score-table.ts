import type { Score } from "./truth.ts";

/** Which bar a recording is held to. */
export type Group = "not randomised" | "randomised" | "threads";

const THREADED = /^(java|node|python-(threads|mp)|redis)/;

export function groupOf(name: string): Group {
  if (name.endsWith("-aslr")) return "randomised";
  return THREADED.test(name) ? "threads" : "not randomised";
}

export type Sums = Omit<Score, "examples">;

export const NOTHING: Sums = { calls: 0, predicted: 0, mapsCalls: 0, maps: 0, mapsStackAside: 0 };

export const add = (a: Sums, b: Sums): Sums => ({
  calls: a.calls + b.calls,
  predicted: a.predicted + b.predicted,
  mapsCalls: a.mapsCalls + b.mapsCalls,
  maps: a.maps + b.maps,
  mapsStackAside: a.mapsStackAside + b.mapsStackAside,
});

export const percent = (part: number, whole: number): number => (whole === 0 ? 100 : (100 * part) / whole);

const cell = (part: number, whole: number): string => `${percent(part, whole).toFixed(2)} %`.padStart(10);

export const heading = `${"recording".padEnd(32)}${"calls".padStart(7)}${"predicted".padStart(10)}${"maps".padStart(10)}${"no stack".padStart(10)}`;

/** One line: calls, predicted right, maps equal, maps equal with the stack's line aside. */
export const row = (name: string, s: Sums): string =>
  `${name.padEnd(32)}${String(s.calls).padStart(7)}${cell(s.predicted, s.calls)}${cell(s.maps, s.mapsCalls)}${cell(s.mapsStackAside, s.mapsCalls)}`;
