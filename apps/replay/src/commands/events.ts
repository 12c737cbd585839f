import { encodeEvent, ok } from "@pagetrail/core";
import { openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findRange } from "../position.ts";
import { refused } from "../problem.ts";
import { EventText } from "../text/event-text.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface EventsOptions extends CommonOptions {
  readonly jsonl?: boolean;
}

/** Prints a log's events, or a range of them, one a line. */
export async function eventsCommand(
  path: string,
  range: string | undefined,
  options: EventsOptions,
  out: Output,
): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const { name, timeline } = log.value;
  const found = findRange(range, log.value);
  if (!found.ok)
    return refused({ what: found.error, where: name, advice: "see pagetrail info for its size" });
  const { from, to } = found.value;
  if (options.json) {
    const events = timeline.events.filter(({ seq }) => seq >= from && seq < to).map(encodeEvent);
    out.document({ log: name, events });
    return ok(0);
  }
  const progress = out.progress("events");
  const text = new EventText(out.style);
  for (const event of timeline.events) {
    if (event.seq >= to) break;
    text.learn(event);
    if (event.seq >= from) out.line(options.jsonl ? JSON.stringify(encodeEvent(event)) : text.line(event));
    const wait = progress.tick(() => `event ${event.seq} of ${timeline.last}`);
    if (wait) await wait;
  }
  progress.end();
  return ok(0);
}
