import type { Event, KernelState, Profile } from "@pagetrail/core";
import { type Happening, readScenario, runScenario } from "@pagetrail/import";
import type { Run } from "./run.ts";

/** What a scenario came to. */
export interface Played extends Run {
  readonly source: Readonly<Record<string, unknown>>;
  /** The state behind the last event. */
  readonly state: KernelState | undefined;
  readonly happenings: readonly Happening[];
  /** `line:column: what` of everything that is not as expected. */
  readonly failures: readonly string[];
}

/** Reads and runs a scenario that is known to read well. */
export function playScenario(text: string): Played {
  const scenario = readScenario(text);
  if (!scenario.ok) throw new Error(`line ${scenario.error.line}: ${scenario.error.what}`);
  const events: Event[] = [];
  let state: KernelState | undefined;
  let source: Readonly<Record<string, unknown>> = {};
  const sink = {
    start: (_: Profile, told: typeof source) => {
      source = told;
    },
    event: (event: Event, behind: KernelState) => {
      events.push(event);
      state = behind;
    },
  };
  const happenings = [...runScenario(scenario.value, sink)];
  const failures = happenings.flatMap(({ line, failure }) =>
    failure ? [`${line}:${failure.column}: ${failure.what}`] : [],
  );
  return { profile: scenario.value.profile, source, events, state, happenings, failures };
}

/** `line:column: what` of a scenario that cannot be read. */
export function scenarioProblem(text: string): string {
  const scenario = readScenario(text);
  if (scenario.ok) throw new Error("this can be read");
  const { line, column, what } = scenario.error;
  return `${line}:${column}: ${what}`;
}
