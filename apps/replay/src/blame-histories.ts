import { existsSync } from "node:fs";
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
import { count } from "./text/numbers.ts";

/**
 * The histories of a log's address spaces: from the index beside it where that tells of the log as it is, otherwise
 * by executing the whole log, which makes the index for the next time.
 *
 * @param path the log's file, or `-`
 */
export async function historiesOf(
  log: LoadedLog,
  path: string,
  out: Output,
): Promise<Result<Histories, Problem>> {
  const kept = keptHistories(log, path);
  return kept ? ok(kept) : workOut(log, path, out);
}

/** The same without the index, for when that turns out to be damaged. */
export async function workOut(
  log: LoadedLog,
  path: string,
  out: Output,
): Promise<Result<Histories, Problem>> {
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
  const seal = lastSeal(log);
  if (seal && existsSync(path)) {
    const head = { kind: "blame", version: BLAME_INDEX_VERSION, log: seal.sha256, seq: seal.seq } as const;
    writeSidecar(path, head, encodeHistories(histories));
  }
  return ok(histories);
}

function keptHistories(log: LoadedLog, path: string): Histories | undefined {
  const seal = lastSeal(log);
  const sidecar = seal && existsSync(path) ? Sidecar.open(path, "blame", BLAME_INDEX_VERSION) : undefined;
  if (!seal || !sidecar) return undefined;
  if (sidecar.head.log === seal.sha256 && sidecar.head.seq === seal.seq) {
    const index = BlameIndex.open((block) => sidecar.read(block));
    if (index) return index;
  }
  sidecar.close();
  return undefined;
}

/** The seal that the whole log stands behind; undefined where events follow that are not sealed. */
function lastSeal({ seals, timeline }: LoadedLog) {
  const seal = seals.at(-1);
  return seal?.seq === timeline.last ? seal : undefined;
}
