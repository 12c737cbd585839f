import { hex } from "@pagetrail/core";
import type { ClockFit, ImportSummary, PageFit } from "@pagetrail/import";
import { count, counted, percent } from "./numbers.ts";
import { outcomeHex, outcomeText } from "./outcome.ts";
import type { Style } from "./style.ts";

const TEXT_SHOWN = 60;

/** What an import found, for a person: counts first, then whatever went otherwise than the model says. */
export function* summaryLines(
  log: string,
  summary: ImportSummary,
  style: Style,
  faultsFile = "",
): Generator<string> {
  const { lines, unreadable, events, processes, decided, predicted, divergences, notes } = summary;
  yield `${style.bold(log)}: ${counted(events, "event")} of ${counted(processes, "process", "processes")} from ${counted(lines, "line")}`;
  if (decided > 0)
    yield `predicted ${count(predicted)} of ${counted(decided, "decided call")} right (${percent(predicted, decided)})`;
  if (summary.faults > 0) yield counted(summary.faults, "page fault");
  if (summary.pages) yield* pagesText(summary.pages);
  if (summary.clock) yield clockText(summary.clock);
  if (divergences.count > 0) yield `${counted(divergences.count, "divergence")}:`;
  for (const { line, call, recorded, predicted: model } of divergences.first)
    yield `  line ${line}: ${call}: recorded ${outcomeText(recorded)}, predicted ${outcomeText(model)}`;
  yield* left(divergences.count - divergences.first.length);
  if (unreadable.count > 0) yield `${counted(unreadable.count, "unreadable line")}:`;
  for (const { line, inFaults, text, why } of unreadable.first)
    yield `  ${inFaults ? `${faultsFile} ` : ""}line ${line}: ${why}: ${shown(text)}`;
  yield* left(unreadable.count - unreadable.first.length);
  if (notes.length > 0) yield "notes:";
  for (const { note, count: times } of notes) yield `  ${note}${times > 1 ? ` (${count(times)} times)` : ""}`;
}

/** How the model's page tables fit the recorded faults. */
function* pagesText({ faults, predicted, late, unforeseen, unrecorded }: PageFit): Generator<string> {
  const alone = faults - late;
  yield `pages modelled: ${count(predicted)} of ${counted(alone, "fault")} predicted (${percent(predicted, alone)})`;
  if (late > 0) yield `  ${counted(late, "fault")} besides, at pages that another thread was just getting`;
  if (unrecorded > 0) yield `  ${counted(unrecorded, "fault")} of the model that the recording does not show`;
  for (const { line, tid, addr, access } of unforeseen)
    yield `  ${line === undefined ? "" : `line ${line}: `}process ${tid}: ${access} at ${hex(addr)}: not predicted`;
  yield* left(alone - predicted - unforeseen.length);
}

/** How the clocks of the two recordings lie, as far as the calls that stand in both tell. */
function clockText({ offset, residual, matched }: ClockFit): string {
  if (matched === 0) return "clocks: taken for the same one";
  const micros = `${count(Math.round(residual * 1e6))} µs`;
  const by = `${offset < 0 ? "-" : "+"}${Math.abs(offset).toFixed(6)} s`;
  return `clocks: the trace's is perf's ${by}, by ${counted(matched, "call")} in both, which are usually within ${micros}`;
}

function* left(n: number): Generator<string> {
  if (n > 0) yield `  and ${count(n)} more`;
}

/** The beginning of a line that may hold anything, as printable characters. */
function shown(text: string): string {
  const quoted = JSON.stringify(text.slice(0, TEXT_SHOWN)).replaceAll(/[\x7f-\xff]/g, "?");
  return text.length > TEXT_SHOWN ? `${quoted}…` : quoted;
}

export const summaryJson = ({ divergences, ...rest }: ImportSummary) => ({
  ...rest,
  divergences: {
    count: divergences.count,
    first: divergences.first.map(({ line, call, recorded, predicted }) => ({
      line,
      call,
      recorded: outcomeHex(recorded),
      predicted: outcomeHex(predicted),
    })),
  },
});
