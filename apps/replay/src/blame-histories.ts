import {
  BLAME_INDEX_VERSION,
  BlameIndex,
  BlameReplay,
  encodeHistories,
  type Histories,
  ok,
  type Result,
} from "@pagetrail/core";
import { Sidecar, writeSidecar } from "@pagetrail/store";
import { executed, type LoadedLog } from "./open-log.ts";
import type { Output } from "./output.ts";
import { type Problem, refused } from "./problem.ts";
import { sameHead, sidecarHead } from "./sidecar-head.ts";
import { count } from "./text/numbers.ts";

/**
 * The histories of a log's address spaces: from the index beside it where that tells of the log as it is, otherwise
 * by executing the whole log, which makes the index for the next time.
 */
export async function historiesOf(log: LoadedLog, out: Output): Promise<Result<Histories, Problem>> {
  const kept = keptHistories(log);
  return kept ? ok(kept) : workOut(log, out);
}

/** The same without the index, for when that turns out to be damaged. */
export async function workOut(log: LoadedLog, out: Output): Promise<Result<Histories, Problem>> {
  const { timeline } = log;
  const replay = new BlameReplay(timeline.origin);
  const progress = out.progress("following every mapping");
  for (const event of timeline.events) {
    const taken = executed(log.name, () => replay.take(event));
    if (!taken.ok || taken.value) progress.end();
    if (!taken.ok) return taken;
    if (taken.value)
      return refused({
        what: `the log cannot be followed: event ${event.seq} replays otherwise than recorded`,
        where: log.name,
        advice: "see pagetrail replay, or import the recording again",
      });
    const wait = progress.tick(() => `event ${count(event.seq)} of ${count(timeline.last)}`);
    if (wait) await wait;
  }
  progress.end();
  const histories = replay.fold.spaces();
  const head = sidecarHead(log, "blame", BLAME_INDEX_VERSION);
  if (head) writeSidecar(log.name, head, encodeHistories(histories));
  return ok(histories);
}

function keptHistories(log: LoadedLog): Histories | undefined {
  const head = sidecarHead(log, "blame", BLAME_INDEX_VERSION);
  const sidecar = head && Sidecar.open(log.name, "blame", BLAME_INDEX_VERSION);
  if (!sidecar) return undefined;
  const index = sameHead(sidecar.head, head) ? BlameIndex.open((block) => sidecar.read(block)) : undefined;
  if (!index) sidecar.close();
  return index;
}
