import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  decodeEvent,
  decodeProfile,
  type Event,
  initialState,
  type Profile,
  Timeline,
} from "@pagetrail/core";
import { readLog } from "@pagetrail/store";

interface Opened {
  readonly profile: Profile;
  readonly events: readonly Event[];
}

/** Reads a log, its chain of seals checked, and decodes its events. */
function open(path: string): Opened {
  const events: Event[] = [];
  let profile: Profile | undefined;
  for (const item of readLog(path)) {
    if (item.kind === "refused") throw new Error(item.refusal.what);
    if (item.kind === "header") {
      const decoded = decodeProfile(item.header.profile);
      if (decoded.ok) profile = decoded.value;
    } else if (item.kind === "event") {
      const decoded = decodeEvent(item.event);
      if (!decoded.ok) throw new Error(decoded.error);
      events.push(decoded.value);
    }
  }
  if (!profile) throw new Error("the log has no profile");
  return { profile, events };
}

/** Milliseconds until the state behind the last event is there. */
function stand(path: string): number {
  const start = performance.now();
  const { profile, events } = open(path);
  const timeline = new Timeline(initialState(profile), events);
  const { seq } = timeline.stateAt(timeline.last);
  if (seq !== events.length) throw new Error(`the timeline ends at ${seq}`);
  return performance.now() - start;
}

/** Milliseconds of no more than one hash of a text and JSON.parse of each of its lines. */
function parse(path: string): number {
  const start = performance.now();
  const text = readFileSync(path);
  createHash("sha256").update(text).digest();
  for (const line of text.toString("utf8").split("\n")) if (line !== "") JSON.parse(line);
  return performance.now() - start;
}

/** Bytes of the events in memory. */
function heap(path: string): number {
  const used = (): number => {
    globalThis.gc?.();
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const { events } = open(path);
  const bytes = used() - before;
  if (events.length === 0) throw new Error("there are no events");
  return bytes;
}

const MEASURED = { stand, parse, heap } as const;
const [what = "", path = ""] = process.argv.slice(2);
console.log(MEASURED[what as keyof typeof MEASURED](path));
