import { type Event, initialState, type KernelState, type Pid, replayEvents } from "@pagetrail/core";
import { importRecording } from "./recording.ts";

/** Pids and files of one repetition lie this far from those of the one before. */
const APART = 100_000;

/** A log made of one recording again and again, each time by other processes with other files. */
export function tiledLog(atLeast: number): {
  readonly origin: KernelState;
  readonly events: readonly Event[];
} {
  const { profile, events } = importRecording();
  const origin = initialState(profile);
  const tiled: Event[] = [];
  for (let tile = 0; tiled.length < atLeast; tile++)
    for (const event of events) tiled.push(moved(event, tile * APART, tiled.length + 1));
  const { differs } = replayEvents(origin, tiled);
  if (differs) throw new Error(`event ${differs.event.seq} of the tiled log replays otherwise`);
  return { origin, events: tiled };
}

function moved(event: Event, by: number, seq: number): Event {
  const { request: r } = event;
  const tid = (event.tid + by) as Pid;
  const told = { ...event, seq, tid };
  const pidOf = (pid: number): Pid => (pid === 0 ? 0 : pid + by) as Pid;
  switch (r.call) {
    case "adopt":
      return { ...told, request: { ...r, tgid: pidOf(r.tgid) } };
    case "clone":
      return { ...told, request: { ...r, child: pidOf(r.child) }, outcome: movedResult(event, by) };
    case "reap":
      return { ...told, request: { ...r, child: pidOf(r.child) }, outcome: movedResult(event, by) };
    case "file":
      return { ...told, request: { ...r, file: { ...r.file, id: (r.file.id + by) as typeof r.file.id } } };
    case "mmap":
      return r.file > 0 ? { ...told, request: { ...r, file: r.file + by } } : told;
    default:
      return told;
  }
}

const movedResult = ({ outcome }: Event, by: number): Event["outcome"] =>
  "ret" in outcome && typeof outcome.ret === "number" && outcome.ret > 0
    ? { ret: outcome.ret + by }
    : outcome;
