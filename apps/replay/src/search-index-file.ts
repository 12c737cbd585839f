import { gunzipSync, gzipSync } from "node:zlib";
import type { Result } from "@pagetrail/core";
import { buildIndex, type IndexBase, type IndexGroup, SearchIndex } from "@pagetrail/core/search";
import { Sidecar, type SidecarHead, writeSidecar } from "@pagetrail/store";
import { executed, type LoadedLog } from "./open-log.ts";
import type { Output } from "./output.ts";
import type { Problem } from "./problem.ts";
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
  if (timeline.last - timeline.first < least) return { ok: true, value: undefined };
  const head = headOf(log);
  const kept = head && readIndex(name, head, timeline.last);
  if (kept) return { ok: true, value: kept };
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
      return { ok: true, value: index };
    }
    const seq = step.value.value;
    const wait = progress.tick(() => `event ${count(seq)} of ${count(timeline.last)}`);
    if (wait) await wait;
  }
}

/** What the file beside a log is called for; a log without a seal, or from standard input, has none. */
function headOf({ name, seals }: LoadedLog): SidecarHead | undefined {
  const seal = seals.at(-1);
  if (!seal || name === "standard input") return undefined;
  return { kind: "search", version: VERSION, log: seal.sha256, seq: seal.seq };
}

/** Packed JSON: what every search asks for, and then group by group. */
export function partsOf(index: SearchIndex): readonly Uint8Array[] {
  const groups = Array.from({ length: index.base.groups }, (_, n) => index.group(n));
  return [index.base, ...groups].map((part) => gzipSync(JSON.stringify(part)));
}

/** The index of such parts; groups are unpacked when they are asked for. */
export function indexOf(parts: readonly Uint8Array[]): SearchIndex {
  const unpack = (n: number): unknown => JSON.parse(gunzipSync(parts[n] ?? new Uint8Array()).toString());
  return new SearchIndex(unpack(0) as IndexBase, (n) => unpack(n + 1) as IndexGroup);
}

/** Undefined for one that does not fit, or is damaged anywhere. */
function readIndex(log: string, head: SidecarHead, last: number): SearchIndex | undefined {
  const sidecar = Sidecar.open(log, "search", VERSION);
  if (!sidecar) return undefined;
  try {
    if (sidecar.head.log !== head.log || sidecar.head.seq !== head.seq) return undefined;
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
