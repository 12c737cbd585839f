import {
  buddyinfo,
  frameCensus,
  frameFacts,
  hex,
  type KernelState,
  type Mapper,
  mappersOf,
  ok,
  PAGE_SIZE,
  pageAddress,
  type TablePlace,
  tableIn,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { type LoadedLog, openAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import { requirePages } from "../process-view.ts";
import { censusLines } from "../text/census-text.ts";
import { frameJson, frameLines } from "../text/frame-text.ts";
import { pagesSize } from "../text/numbers.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface FramesOptions extends CommonOptions {
  readonly at: string;
}

/** Shows what physical memory is used for at one moment, or one of its frames. */
export async function framesCommand(
  path: string,
  pfn: number | undefined,
  options: FramesOptions,
  out: Output,
): Ending {
  const log = await openAt(path, out, options);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const memory = requirePages(log.value, state.value);
  if (!memory.ok) return memory;
  if (pfn !== undefined) return showFrame(log.value, state.value, pfn, options, out);
  const census = frameCensus(state.value);
  if (options.json) out.document({ log: log.value.name, event: state.value.seq, ...census });
  else if (census) {
    out.note(`${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
    out.lines(censusLines(census, buddyinfo(state.value)));
  }
  return ok(0);
}

async function showFrame(
  log: LoadedLog,
  state: KernelState,
  pfn: number,
  { json }: FramesOptions,
  out: Output,
): Ending {
  const frame = state.memory && frameFacts(state.memory, pfn);
  if (!frame)
    return refused({
      what: `there is no frame ${pfn}`,
      where: log.name,
      advice: `the machine has frames 0 to ${(state.memory?.phys.zones.at(-1)?.end ?? 0) - 1}`,
    });
  const mappers = mappersOf(state, pfn);
  const place = frame.use === "page tables" ? tableIn(state, pfn) : undefined;
  if (json) {
    out.document({
      log: log.name,
      event: state.seq,
      frame: frameJson(state, frame),
      mappers: mappers.map(mapperJson),
      table: place ? tableJson(place) : null,
    });
    return ok(0);
  }
  out.note(`${log.name} behind ${describeMoment(log, state.seq)}`);
  out.lines(frameLines(state, frame));
  if (place) out.lines(["", tableText(place)]);
  if (mappers.length > 0) out.lines(["", ...table(COLUMNS, mappers.map(cells))]);
  return ok(0);
}

const COLUMNS = [{ title: "PID", right: true }, { title: "ADDRESS", right: true }, { title: "ENTRY MAPS" }];

const cells = ({ pids, page, span }: Mapper): readonly string[] => [
  pids.join(","),
  pageAddress(page),
  pagesSize(span),
];

const mapperJson = ({ mm, pids, page, span }: Mapper): Readonly<Record<string, unknown>> => ({
  mm,
  pids,
  address: hex(page * PAGE_SIZE),
  bytes: span * PAGE_SIZE,
});

function tableText({ pids, level, start, end, deposited }: TablePlace): string {
  const range = `${pageAddress(start)}-${pageAddress(end)}`;
  const waits = deposited ? ", waiting for the huge page there to be split" : "";
  return `the ${level.toUpperCase()} table of process ${pids.join(",")} for ${range}${waits}`;
}

const tableJson = ({ start, end, ...rest }: TablePlace): Readonly<Record<string, unknown>> => ({
  ...rest,
  start: hex(start * PAGE_SIZE),
  end: hex(end * PAGE_SIZE),
});
