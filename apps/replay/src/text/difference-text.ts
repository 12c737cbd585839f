import type { Difference } from "../replayer.ts";
import { EventText } from "./event-text.ts";
import { outcomeHex, outcomeWithReason } from "./outcome.ts";
import { PLAIN } from "./style.ts";

/** A difference with both its sides, on three lines. */
export function differenceLines(difference: Difference): readonly string[] {
  if (difference.kind === "state")
    return [
      `the state behind event ${difference.seq} is not the one that was sealed`,
      `  sealed    ${difference.sealed}`,
      `  replayed  ${difference.found}`,
    ];
  const { event, expected, predicted } = difference;
  const where = event.line === undefined ? "" : ` (line ${event.line})`;
  return [
    `event ${event.seq}${where} replays otherwise: ${new EventText(PLAIN).body(event)}`,
    `  log     ${outcomeWithReason(expected)}${event.divergence ? ", as the model answered then" : ""}`,
    `  replay  ${outcomeWithReason(predicted)}`,
  ];
}

export function differenceJson(difference: Difference): Readonly<Record<string, unknown>> {
  if (difference.kind === "state") {
    const { seq, sealed, found } = difference;
    return { kind: "state", event: seq, sealed, replayed: found };
  }
  const { event, expected, predicted } = difference;
  return {
    kind: "outcome",
    event: event.seq,
    line: event.line ?? null,
    call: event.as ?? event.request.call,
    log: outcomeHex(expected),
    replay: outcomeHex(predicted),
  };
}
