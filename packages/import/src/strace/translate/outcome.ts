import { type Outcome, parseWord } from "@pagetrail/core";
import type { CallResult, StraceCall } from "../text/index.ts";

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

/** The same of a call whose answer stands elsewhere: io_setup puts the address of its ring into an argument. */
export function outcomeOfCall({ name, args, result }: StraceCall): Outcome {
  const outcome = outcomeOf(result);
  if (name !== "io_setup" || !("ret" in outcome)) return outcome;
  const [, address = ""] = /^\[(0x[0-9a-f]+)\]$/.exec(args[1] ?? "") ?? [];
  return { ret: parseWord(address) ?? outcome.ret };
}
