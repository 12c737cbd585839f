import { readBpftraceLine } from "./bpftrace-line.ts";
import type { CaptureEvent } from "./capture.ts";
import { readTypedLine } from "./typed-line.ts";

/** A line of a capture that is neither an event nor a remark. */
export interface StrangeLine {
  readonly line: number;
  readonly text: string;
}

/** A capture as it was read: its events in the order of their times. */
export interface Capture {
  readonly events: readonly CaptureEvent[];
  readonly lines: number;
  readonly strange: readonly StrangeLine[];
  /** Events that the recorder says it lost. */
  readonly lost: number;
}

/** What a recorder says about itself. */
const REMARK = /^(?:#.*|Attaching \d+ probes?\.\.\.|ERROR: .*RLIMIT_MEMLOCK.*|\s*)$/;
const LOST = /^(?:Lost (\d+) events|# end: \d+ events, (\d+) lost,.*)$/;

/**
 * Reads the text of a capture in either format. A recorder prints each CPU's events in order but not those of
 * several CPUs, and so they are sorted.
 */
export function readCapture(text: string): Capture {
  const events: CaptureEvent[] = [];
  const strange: StrangeLine[] = [];
  let lost = 0;
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [i, raw] of lines.entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const loss = LOST.exec(line);
    if (loss) lost += Number(loss[1] ?? loss[2]);
    if (loss || REMARK.test(line)) continue;
    const event = readTypedLine(i + 1, line) ?? readBpftraceLine(i + 1, line);
    if (event) events.push(event);
    else strange.push({ line: i + 1, text: line });
  }
  const inOrder = events.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.line - b.line));
  return { events: inOrder, lines: lines.length, strange, lost };
}
