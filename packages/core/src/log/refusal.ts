/** What can be wrong with the text of a log. */
export type LogFault = "not-a-log" | "unknown-version" | "damaged";

/** Where in a log something is; lines, segments and events count from 1. */
export type LogPlace = {
  readonly file?: string;
  readonly line?: number;
  readonly segment?: number;
  /** The events of that segment, as far as its lines tell. */
  readonly firstSeq?: number;
  readonly lastSeq?: number;
};

/** Why a log is not read or written: what is wrong, where, and what its owner can do. */
export type LogRefusal<Fault extends string = LogFault> = {
  readonly fault: Fault;
  readonly what: string;
  readonly where: LogPlace;
  readonly advice: string;
};

/** The refusal as one line of text: place, what is wrong, advice. */
export function explainRefusal(refusal: LogRefusal<string>): string {
  const { file, line, segment, firstSeq, lastSeq } = refusal.where;
  const places: string[] = [];
  if (file !== undefined) places.push(file);
  if (line !== undefined) places.push(`line ${line}`);
  if (segment !== undefined) places.push(`segment ${segment}`);
  if (firstSeq !== undefined && lastSeq !== undefined && lastSeq >= firstSeq) {
    places.push(`events ${firstSeq} to ${lastSeq}`);
  }
  const place = places.length === 0 ? "" : `${places.join(", ")}: `;
  return `${place}${refusal.what}; ${refusal.advice}`;
}
