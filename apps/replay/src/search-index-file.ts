import { gunzipSync, gzipSync } from "node:zlib";
import { ok, type Result } from "@pagetrail/core";
import { buildIndex, indexOfTexts, indexTexts, type SearchIndex } from "@pagetrail/core/search";
import { Sidecar, type SidecarHead, writeSidecar } from "@pagetrail/store";
import { executed, type LoadedLog } from "./open-log.ts";
import type { Output } from "./output.ts";
import type { Problem } from "./problem.ts";
import { sameHead, sidecarHead } from "./sidecar-head.ts";
import { count } from "./text/numbers.ts";

/** The spelling of the index: another number for every change of what a summary has. */
const VERSION = 1;

/** Shorter logs are looked through before an index of them is made. */
export const INDEXED_EVENTS = 16 * 1024;

/**
 * The index of a log, from the file beside it or made anew and put there; undefined for a log so short that none is
 * needed. Where it cannot be kept, as for a log from standard input, it is made each time.
 */
export async function openSearchIndex(
  log: LoadedLog,
  out: Output,
  least: number = INDEXED_EVENTS,
): Promise<Result<SearchIndex | undefined, Problem>> {
  const { timeline, name } = log;
  if (timeline.last - timeline.first < least) return ok(undefined);
  const head = sidecarHead(log, "search", VERSION);
  const kept = head && readIndex(name, head, timeline.last);
  if (kept) return ok(kept);
  const building = buildIndex(timeline);
  const progress = out.progress("making the search index");
  for (;;) {
    const step = executed(name, () => building.next());
    if (!step.ok) {
      progress.end();
      return step;
    }
    if (step.value.done) {
      progress.end();
      const index = step.value.value;
      if (head) writeSidecar(name, head, partsOf(index));
      return ok(index);
    }
    const seq = step.value.value;
    const wait = progress.tick(() => `event ${count(seq)} of ${count(timeline.last)}`);
    if (wait) await wait;
  }
}

export const partsOf = (index: SearchIndex): readonly Uint8Array[] =>
  indexTexts(index).map((text) => gzipSync(text));

/** The index of such parts; groups are unpacked when they are asked for. */
export const indexOf = (parts: readonly Uint8Array[]): SearchIndex =>
  indexOfTexts((n) => gunzipSync(parts[n] ?? new Uint8Array()).toString());

/** Undefined for one that does not fit, or is damaged anywhere. */
function readIndex(log: string, head: SidecarHead, last: number): SearchIndex | undefined {
  const sidecar = Sidecar.open(log, "search", VERSION);
  if (!sidecar) return undefined;
  try {
    if (!sameHead(sidecar.head, head)) return undefined;
    const parts: Uint8Array[] = [];
    for (let n = 0; n < sidecar.blocks; n++) {
      const part = sidecar.read(n);
      if (!part) return undefined;
      parts.push(part);
    }
    const index = parts.length === 0 ? undefined : indexOf(parts);
    return index?.base.last === last && index.base.groups === parts.length - 1 ? index : undefined;
  } finally {
    sidecar.close();
  }
}
