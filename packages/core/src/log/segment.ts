import { LINE_LIMIT, type LogObject, parseObject } from "./line.ts";

/** A full segment; the next line is its seal. */
export const SEGMENT_EVENTS = 1024;

/** A segment whose lines have grown to this many UTF-16 units is full as well. */
export const SEGMENT_TEXT = 4 * 1024 * 1024;

/** What a reader has to hold before the seal must have come. */
export const SEGMENT_TEXT_LIMIT = SEGMENT_TEXT + LINE_LIMIT;

/** An event, opaque but for its place in the order, which is its first member. */
export type LogEvent = LogObject & { readonly seq: number };

/** The first line of a segment that is not the event it should be. */
export type BadLine = { readonly index: number; readonly what: string; readonly json: boolean };

/** The events of a segment's lines up to the first bad one. */
export type ParsedSegment = { readonly events: readonly LogEvent[]; readonly bad?: BadLine };

export function parseEvents(lines: readonly string[], firstSeq: number): ParsedSegment {
  const events: LogEvent[] = [];
  for (const [index, line] of lines.entries()) {
    const event = parseObject(line);
    if (event === undefined) return { events, bad: { index, what: "the line is not JSON", json: false } };
    const seq = firstSeq + index;
    if (!line.startsWith('{"seq":')) {
      return { events, bad: { index, what: "the line is neither an event nor a seal", json: true } };
    }
    if (!hasSeq(event, seq)) {
      const what = `the line holds event ${String(event.seq)} where event ${seq} should be`;
      return { events, bad: { index, what, json: true } };
    }
    events.push(event);
  }
  return { events };
}

function hasSeq(event: LogObject, seq: number): event is LogEvent {
  return event.seq === seq;
}
