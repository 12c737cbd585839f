import { ok } from "@pagetrail/core";
import { series, startOf } from "@pagetrail/core/search";
import { noteProcess, readSum } from "../expression.ts";
import { executed, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import { openSearchIndex } from "../search-index-file.ts";
import { count } from "../text/numbers.ts";
import {
  type SeriesPoint,
  seriesCsv,
  seriesPlot,
  seriesTable,
  unitOf,
  valueJson,
} from "../text/series-text.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface SeriesOptions extends CommonOptions {
  readonly csv?: boolean;
  readonly plot?: boolean;
  readonly pid?: number;
}

/** Prints a number over time: each event behind which it is another, as a table, CSV or a drawing. */
export async function seriesCommand(path: string, what: string, options: SeriesOptions, out: Output): Ending {
  if ([options.csv, options.plot, options.json].filter((one) => one === true).length > 1)
    return refused({ what: "--csv, --plot and --json exclude one another", advice: "use one of them" });
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const { timeline, name } = log.value;
  const sum = readSum(what, log.value, options.pid);
  if (!sum.ok) return sum;
  const index = await openSearchIndex(log.value, out);
  if (!index.ok) return index;
  const points: SeriesPoint[] = [];
  const started = startOf(timeline) ?? 0;
  const items = series(timeline, sum.value.value, { index: index.value });
  const progress = out.progress("series");
  for (;;) {
    const step = executed(name, () => items.next());
    if (!step.ok) {
      progress.end();
      return step;
    }
    if (step.value.done) break;
    const item = step.value.value;
    if (item.kind === "point") {
      const { seq, event, value } = item;
      const time = event?.time === undefined ? undefined : event.time - started;
      points.push({ seq, line: event?.line, time, value });
    }
    const wait = progress.tick(() => `event ${count(item.seq)} of ${count(timeline.last)}`);
    if (wait) await wait;
  }
  progress.end();
  const unit = unitOf(sum.value.value);
  if (options.json) {
    const values = points.map(({ seq, line, time, value }) => ({
      seq,
      line: line ?? null,
      time: time ?? null,
      value: valueJson(value, unit),
    }));
    out.document({ log: name, what, unit, pid: sum.value.pid ?? null, points: values });
    return ok(0);
  }
  noteProcess(sum.value, out);
  if (options.csv) out.lines(seriesCsv(points, unit));
  else out.lines(options.plot ? seriesPlot(points, timeline, unit) : seriesTable(what, points, unit));
  return ok(0);
}
