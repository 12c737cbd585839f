import type { PathEntry } from "@pagetrail/core";
import type { Style } from "./style.ts";

/**
 * The way of an execution: functions, and below each what was checked there, marked ok, what was decided, and what
 * refused the call, marked =>.
 */
export function* pathLines(path: readonly PathEntry[], style: Style): Generator<string> {
  for (const { kind, text } of path) {
    if (kind === "function") yield `  ${style.bold(text)}`;
    else if (kind === "check") yield `    ok  ${text}`;
    else if (kind === "choice") yield `        ${text}`;
    else yield style.removed(`    =>  ${text}`);
  }
}
