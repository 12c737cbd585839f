import { callOf, type Event, isAligned, type Outcome, PROT, type Word, wordHex } from "@pagetrail/core";

/** Members whose bits say more than their value. */
const BITS: ReadonlySet<string> = new Set(["flags", "persona"]);

/** An event in a line: `   12  4242 munmap(addr 0x20000000, length 0x2000) = 0`. */
export function eventText(event: Pick<Event, "seq" | "tid" | "request" | "outcome" | "as">): string {
  return `${String(event.seq).padStart(6)} ${String(event.tid).padStart(6)} ${callText(event)} = ${outcomeText(event.outcome)}`;
}

/** What was asked, in a line, without how it ended. */
export function callText(event: Pick<Event, "request" | "as">): string {
  const members = Object.entries(event.request).filter(([name]) => name !== "call");
  return `${callOf(event)}(${members.map(([name, value]) => `${name} ${valueText(name, value)}`).join(", ")})`;
}

/** How a request ended: a value, an errno with its reason, a signal. */
export function outcomeText(outcome: Outcome): string {
  if ("ret" in outcome) return numberText(outcome.ret);
  if ("errno" in outcome) return `-${outcome.errno}${outcome.why === undefined ? "" : ` (${outcome.why})`}`;
  return "gone" in outcome ? `? (${outcome.gone})` : `${outcome.signal} ${outcome.code}`;
}

/** Rights as maps has them: `rw-`. */
export const protText = (bits: number): string =>
  `${bits & PROT.READ ? "r" : "-"}${bits & PROT.WRITE ? "w" : "-"}${bits & PROT.EXEC ? "x" : "-"}`;

function valueText(name: string, value: unknown): string {
  if (typeof value === "bigint") return wordHex(value);
  if (name === "prot" && typeof value === "number" && value < 8) return protText(value);
  if (typeof value === "number") return BITS.has(name) ? wordHex(value) : numberText(value);
  if (typeof value !== "object" || value === null) return String(value);
  if ("path" in value) return String(value.path);
  return Array.isArray(value) ? `[${value.length}]` : "{…}";
}

/** Whole pages and large numbers in hex, others in decimal. */
const numberText = (word: Word): string =>
  word !== 0 && (word >= 0x10000 || (word >= 4096 && isAligned(word, 4096))) ? wordHex(word) : String(word);
