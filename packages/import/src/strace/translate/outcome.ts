import { type Outcome, parseWord } from "@pagetrail/core";
import type { CallResult } from "../text/index.ts";

/** How a call ended, as the trace says. */
export function outcomeOf(result: CallResult): Outcome {
  switch (result.kind) {
    case "value":
      return { ret: result.value ?? parseWord(result.hex) ?? 0 };
    case "error":
    case "restart":
      return { errno: result.errno };
    case "none":
      return { gone: "unfinished" };
  }
}
