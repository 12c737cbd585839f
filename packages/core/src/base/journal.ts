/**
 * What one primitive changed: the algebra from which undo, diff and blame are made. Every room declares
 * its own kinds of step; here is only what all of them share.
 */
export interface Step {
  readonly kind: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Somebody who listens to a transaction's steps; nobody listens in bulk replay. */
export interface Journal {
  note(step: Step): void;
}
