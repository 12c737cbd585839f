import type { Outcome, Request } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";

/** One request that a line makes when it runs. */
export interface Asked {
  readonly request: Request;
  /** The call's name, where the request has another. */
  readonly as?: string;
  /** How it ends, where no rule of the model decides that. */
  readonly given?: Outcome;
  /** Takes note of what came of it: the names that it gives a value. */
  readonly noted?: (outcome: Outcome) => void;
}

/** What a line asks for, in order; the last of them is what its expectation is about. */
export type Ask = (scene: Scene) => readonly Asked[];

/** Reads what stands behind a verb. */
export type VerbReader = (cursor: Cursor, scope: Scope) => Ask;

/** A line that makes one request without further ado. */
export const asking =
  (request: (scene: Scene) => Request): Ask =>
  (scene) => [{ request: request(scene) }];
