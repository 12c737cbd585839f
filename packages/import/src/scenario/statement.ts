import type { Pid, Profile } from "@pagetrail/core";
import type { Ask } from "./ask.ts";
import type { Judge } from "./awaited.ts";
import type { Fact } from "./fact.ts";
import type { Scene, Value } from "./scene.ts";

/** A line that asks something of the kernel. */
export interface RequestLine {
  readonly kind: "request";
  readonly line: number;
  readonly text: string;
  /** The process that asks. */
  readonly who: (scene: Scene) => Pid;
  readonly ask: Ask;
  readonly judge: Judge;
  /** Where the line says how it ends; where it begins, if it does not say. */
  readonly column: number;
}

/** A line that expects something of the state. */
export interface ExpectationLine {
  readonly kind: "expectation";
  readonly line: number;
  readonly text: string;
  readonly column: number;
  readonly fact: Fact;
}

/** Lines that run again and again. */
export interface Loop {
  readonly kind: "loop";
  readonly line: number;
  readonly text: string;
  /** The counter's name, and its values [from, to). */
  readonly counter?: string;
  readonly from: Value;
  readonly to: Value;
  readonly body: readonly Statement[];
}

export type Statement = RequestLine | ExpectationLine | Loop;

/** A scenario that was read. */
export interface Scenario {
  readonly profile: Profile;
  readonly statements: readonly Statement[];
}
