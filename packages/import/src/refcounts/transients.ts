/** Why a count may differ from the model's at a moment without being wrong. */
export type Transient = "in flight" | "exit/exec" | "put" | "grab" | "hidden";

/** A pair of differences: of mm_users and of mm_count. */
export interface Delta {
  readonly users: number;
  readonly count: number;
}

/** Something that may have acted already, or not yet; each of its states is what it adds to the model's counts. */
export interface Pending {
  readonly transient: Transient;
  readonly states: readonly Delta[];
}

/**
 * The transients that together make a difference: the fewest, and none twice. Undefined when no choice does.
 */
export function explain(delta: Delta, pending: readonly Pending[]): readonly Transient[] | undefined {
  if (delta.users === 0 && delta.count === 0) return [];
  const [first, ...rest] = pending;
  if (!first) return undefined;
  let best = explain(delta, rest);
  for (const { users, count } of first.states) {
    const found = explain({ users: delta.users - users, count: delta.count - count }, rest);
    if (found && (best === undefined || found.length + 1 < best.length)) best = [first.transient, ...found];
  }
  return best;
}
