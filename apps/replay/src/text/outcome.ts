import { type Outcome, wordHex } from "@pagetrail/core";

/** A hex number, an errno or a signal, `?` for a call that its task did not survive: as JSON has outcomes. */
export function outcomeHex(outcome: Outcome): string {
  if ("ret" in outcome) return wordHex(outcome.ret);
  if ("errno" in outcome) return `-${outcome.errno}`;
  return "signal" in outcome ? outcome.signal : "?";
}

/** An outcome as one line of an event has it: small values in decimal, as strace prints them. */
export function outcomeText(outcome: Outcome): string {
  if ("ret" in outcome)
    return typeof outcome.ret === "number" && outcome.ret < 0x10000
      ? String(outcome.ret)
      : wordHex(outcome.ret);
  if ("errno" in outcome) return `-${outcome.errno}`;
  return "gone" in outcome ? `? (${outcome.gone})` : `${outcome.signal} ${outcome.code}`;
}

/** The same with the reason that the model gives for a refusal. */
export function outcomeWithReason(outcome: Outcome): string {
  const text = outcomeText(outcome);
  return "errno" in outcome && outcome.why !== undefined ? `${text} (${outcome.why})` : text;
}
