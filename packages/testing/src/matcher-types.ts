import type { Outcome } from "@pagetrail/core";
import type { MappingPattern } from "./mapping-pattern.ts";
import type { MapsSubject } from "./maps.ts";
import type { MapsMatching } from "./matchers.ts";

/** What `expect` can ask once `@pagetrail/testing/setup` was imported. */
export interface PagetrailMatchers {
  /**
   * There is a mapping as the pattern says, or as a line of maps. Of a state, a machine, a strip, a run (what it ends
   * with) or a text of maps.
   *
   * @example expect(run).toHaveMapping({ name: "[heap]", permissions: "rw-p" })
   */
  toHaveMapping(pattern: string | MappingPattern): void;
  /**
   * The mappings are these, no more and no fewer. Of the same subjects.
   *
   * @example expect(machine).toMatchMaps("20000000-20003000 rw-p")
   */
  toMatchMaps(expected: MapsSubject, matching?: MapsMatching): void;
  /** A run ends as recorded when it is done again: every outcome, and every state that a log has sealed. */
  toReplay(): void;
  /** Every law of the model holds on a state; on a run, behind each of its events. */
  toSatisfyLaws(): void;
  /**
   * Model and recording part for the first time at this event.
   *
   * @param model what the model says there
   */
  toDivergeAt(seq: number, model?: Outcome): void;
}

declare module "vitest" {
  interface Matchers<T> extends PagetrailMatchers {}
}
