import type { Result } from "@pagetrail/core";
import type { Problem } from "../problem.ts";

/** 0 fine or same, 1 differences found. Problems exit with 2. */
export type ExitCode = 0 | 1;

/** How a command ends. */
export type Ending = Promise<Result<ExitCode, Problem>>;

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  /** Megabytes that states may take which are kept to seek from. */
  readonly checkpointMemory?: number;
}
