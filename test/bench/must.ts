import type { Result } from "@pagetrail/core";

/** The value of what a benchmark expects to go well. */
export function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(`the log was refused: ${JSON.stringify(result.error)}`);
  return result.value;
}
