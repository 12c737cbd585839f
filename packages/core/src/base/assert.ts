/** Thrown when the model breaks its own rules: always a bug of ours, never a user's mistake. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** Stops at once when something that must hold does not. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}

/** Closes a union: adding a variant breaks the build wherever it has to be thought about. */
export function assertNever(value: never): never {
  throw new BrokenInvariant(`unexpected ${JSON.stringify(value)}`);
}
