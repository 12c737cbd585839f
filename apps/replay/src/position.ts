import { type Event, fail, ok, type Result, type Timeline } from "@pagetrail/core";

/** A moment of a log as the user wrote it: an anchor, and events added to it. */
export interface Position {
  readonly anchor: Anchor;
  readonly offset: number;
}

type Anchor =
  | { readonly kind: "event" | "percent" | "line" | "time"; readonly value: number }
  | { readonly kind: "bookmark"; readonly name: string }
  | { readonly kind: "start" | "end" };

const FORMS = "an event number, start, end, 50%, line:123, time:1.25 or @bookmark, each also with +N or -N";

/** A log as far as positions are about it. */
export interface Positioned {
  readonly timeline: Timeline;
  /** The events that bookmarks name, or why they cannot be told. */
  readonly bookmarks?: (() => Result<ReadonlyMap<string, number>, string>) | undefined;
}

/** Reads a position. Refuses, in words, what is none. */
export function parsePosition(text: string): Result<Position, string> {
  const match = /^(@[A-Za-z][\w.]*|start|end|\d+%|\d+\.\d+%|line:\d+|time:\d+(?:\.\d+)?|\d+)([+-]\d+)?$/.exec(
    text,
  );
  const [, anchor, offset] = match ?? [];
  if (anchor === undefined) return fail(`'${text}' is no position; use ${FORMS}`);
  return parseAnchor(anchor, Number(offset ?? 0));
}

function parseAnchor(text: string, offset: number): Result<Position, string> {
  if (text === "start" || text === "end") return ok({ anchor: { kind: text }, offset });
  if (text.startsWith("@")) return ok({ anchor: { kind: "bookmark", name: text.slice(1) }, offset });
  const value = Number(text.replace(/^(line|time):|%$/g, ""));
  if (!Number.isFinite(value) || !Number.isSafeInteger(offset)) return fail(`'${text}' is too large`);
  if (text.startsWith("line:")) return ok({ anchor: { kind: "line", value }, offset });
  if (text.startsWith("time:")) return ok({ anchor: { kind: "time", value }, offset });
  if (!text.endsWith("%")) return ok({ anchor: { kind: "event", value }, offset });
  return value <= 100 ? ok({ anchor: { kind: "percent", value }, offset }) : fail(`${text} is more than all`);
}

/** A moment: the event behind which it is, and what a reader should know of how it was found. */
export interface Moment {
  readonly seq: number;
  readonly note?: string;
}

/** Finds a position in a log; refuses one that is not there. */
export function findMoment(text: string, log: Positioned): Result<Moment, string> {
  const position = parsePosition(text);
  if (!position.ok) return position;
  const anchor = anchorSeq(position.value.anchor, log);
  if (!anchor.ok) return anchor;
  const seq = anchor.value.seq + position.value.offset;
  const { first, last } = log.timeline;
  if (seq < first || seq > last)
    return fail(`'${text}' is event ${seq}, and the log has events ${first + 1} to ${last}`);
  return ok({ ...anchor.value, seq });
}

function anchorSeq(anchor: Anchor, { timeline, bookmarks }: Positioned): Result<Moment, string> {
  const { first, last } = timeline;
  switch (anchor.kind) {
    case "start":
      return ok({ seq: first });
    case "end":
      return ok({ seq: last });
    case "event":
      return ok({ seq: anchor.value });
    case "percent":
      return ok({ seq: first + Math.round(((last - first) * anchor.value) / 100) });
    case "line":
      return fromLine(timeline.events, anchor.value, first);
    case "time":
      return fromTime(timeline.events, anchor.value, first);
    case "bookmark":
      return fromBookmark(anchor.name, bookmarks?.());
  }
}

function fromBookmark(
  name: string,
  bookmarks: Result<ReadonlyMap<string, number>, string> = ok(new Map()),
): Result<Moment, string> {
  if (!bookmarks.ok) return bookmarks;
  const seq = bookmarks.value.get(name);
  if (seq !== undefined) return ok({ seq });
  const names = [...bookmarks.value.keys()].map((one) => `@${one}`);
  return fail(
    `there is no bookmark @${name}: ${names.length > 0 ? `the log has ${names.join(", ")}` : "the log has none"}`,
  );
}

/** The last event from that line, or else from one before it: most lines of a recording make no event. */
function fromLine(events: readonly Event[], line: number, first: number): Result<Moment, string> {
  if (!events.some((e) => e.line !== undefined))
    return fail("this log has no line numbers: it was not imported");
  let found: Event | undefined;
  for (const e of events)
    if (e.line !== undefined && e.line <= line && e.line >= (found?.line ?? 0)) found = e;
  if (found?.line === line) return ok({ seq: found.seq });
  const where = found ? `behind event ${found.seq}, from line ${found.line}` : "before the first event";
  return ok({ seq: found?.seq ?? first, note: `line ${line} made no event; this is the moment ${where}` });
}

/** Times are printed with six digits, and a double near the epoch's is not exact to the last. */
const TIME_TOLERANCE = 5e-7;

function fromTime(events: readonly Event[], seconds: number, first: number): Result<Moment, string> {
  const start = events.find((e) => e.time !== undefined)?.time;
  if (start === undefined) return fail("this log has no times; record with strace -ttt to have them");
  let seq = first;
  for (const e of events) if (e.time !== undefined && e.time - start <= seconds + TIME_TOLERANCE) seq = e.seq;
  return ok({ seq });
}

/** Events from `from` up to but not including `to`. */
export interface EventRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds `POS..POS`, half-open; a side that is left out is the log's own end, and a single position is
 * that event alone.
 */
export function findRange(text: string | undefined, log: Positioned): Result<EventRange, string> {
  const { first, last } = log.timeline;
  const all = { from: first + 1, to: last + 1 };
  if (text === undefined) return ok(all);
  const dots = text.indexOf("..");
  if (dots < 0) {
    const at = findMoment(text, log);
    return at.ok ? ok({ from: at.value.seq, to: at.value.seq + 1 }) : at;
  }
  const [left, right] = [text.slice(0, dots), text.slice(dots + 2)];
  const from = left === "" ? ok(all.from) : bound(left, log);
  if (!from.ok) return from;
  const to = right === "" ? ok(all.to) : bound(right, log);
  if (!to.ok) return to;
  if (to.value < from.value)
    return fail(`'${text}' ends at event ${to.value}, before its start at event ${from.value}`);
  return ok({ from: from.value, to: to.value });
}

/** The first event that a range with this bound has, or no longer has. */
function bound(text: string, log: Positioned): Result<number, string> {
  const position = parsePosition(text);
  if (!position.ok) return position;
  const { anchor, offset } = position.value;
  const reached = firstReaching(anchor, log.timeline.events);
  if (reached !== undefined && offset === 0) return ok(reached);
  const moment = findMoment(text, log);
  return moment.ok ? ok(moment.value.seq) : moment;
}

/** Of several events from one line, a range has all. */
function firstReaching(anchor: Anchor, events: readonly Event[]): number | undefined {
  if (anchor.kind !== "line" && anchor.kind !== "time") return undefined;
  const start = events.find((e) => e.time !== undefined)?.time ?? 0;
  const reaches = (e: Event): boolean =>
    anchor.kind === "line"
      ? e.line !== undefined && e.line >= anchor.value
      : e.time !== undefined && e.time - start >= anchor.value - TIME_TOLERANCE;
  const found = events.find(reaches);
  if (found) return found.seq;
  const known = events.some((e) => (anchor.kind === "line" ? e.line : e.time) !== undefined);
  const last = events.at(-1);
  return known && last ? last.seq + 1 : undefined;
}
