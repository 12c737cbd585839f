import {
  type KernelState,
  type MmStruct,
  ok,
  type PagemapRun,
  type PageRange,
  pagemapBytes,
  pagemapRuns,
  pageRange,
  type Result,
} from "@pagetrail/core";
import { findPages } from "../address.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import {
  introduce,
  momentJson,
  openProcess,
  type ProcessViewOptions,
  requirePages,
  type ShownProcess,
} from "../process-view.ts";
import { count } from "../text/numbers.ts";
import { pagemapJson, pagemapLine } from "../text/pagemap-text.ts";
import type { Ending } from "./command.ts";

export interface PagemapOptions extends ProcessViewOptions {
  readonly raw?: boolean;
  readonly jsonl?: boolean;
}

/** Prints what /proc/PID/pagemap says of one process's pages, at one moment. */
export async function pagemapCommand(
  path: string,
  where: string | undefined,
  options: PagemapOptions,
  out: Output,
): Ending {
  if (options.raw && where === undefined)
    return refused({
      what: "--raw needs to know of which pages",
      where: "pagemap",
      advice: "give a range such as heap or 7ffff7fc0000-7ffff7fc4000",
    });
  const shown = await openProcess(path, options, out);
  if (!shown.ok) return shown;
  const { log, state, mm } = shown.value;
  const memory = requirePages(log, state);
  if (!memory.ok) return memory;
  const range = mm && where !== undefined ? pagesAt(shown.value, mm, where) : undefined;
  if (range && !range.ok) return range;
  if (!options.json) introduce(shown.value, out);
  if (mm && range && options.raw) await writeRaw(state, mm, range.value, out);
  else show(shown.value, mm ? runs(state, mm, range?.value) : [], options, out);
  return ok(0);
}

function pagesAt({ log, state }: ShownProcess, mm: MmStruct, where: string): Result<PageRange, Problem> {
  const found = findPages(where, state, mm);
  return found.ok ? found : refused({ what: found.error, where: log.name, advice: "see pagetrail maps" });
}

/** Without a range everything that is mapped, and nothing between. */
function* runs(state: KernelState, mm: MmStruct, range: PageRange | undefined): Generator<PagemapRun> {
  if (range) yield* pagemapRuns(state, mm, range);
  else for (const vma of mm.vmas.items()) yield* pagemapRuns(state, mm, vma);
}

function show(
  shown: ShownProcess,
  pages: Iterable<PagemapRun>,
  { json, jsonl, raw }: PagemapOptions,
  out: Output,
): void {
  if (json) {
    out.document({ ...momentJson(shown), pages: Array.from(pages, pagemapJson) });
    return;
  }
  if (raw) return;
  for (const run of pages) out.line(jsonl ? JSON.stringify(pagemapJson(run)) : pagemapLine(run));
}

/** Pages of one write: 256 KiB of entries. */
const RAW_PAGES = 32_768;

async function writeRaw(state: KernelState, mm: MmStruct, { start, end }: PageRange, out: Output) {
  const progress = out.progress("pagemap");
  for (let at: number = start; at < end; at += RAW_PAGES) {
    out.bytes(pagemapBytes(state, mm, pageRange(at, Math.min(at + RAW_PAGES, end))));
    const wait = progress.tick(() => `${count(at - start)} of ${count(end - start)} pages`);
    if (wait) await wait;
  }
  progress.end();
}
