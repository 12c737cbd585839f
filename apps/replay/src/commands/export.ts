import { existsSync } from "node:fs";
import { ok, type Result } from "@pagetrail/core";
import { csvHead, csvRow } from "../export/csv.ts";
import { Clock, type Happening, History } from "../export/history.ts";
import { htmlPage, svgFile } from "../export/page.ts";
import { PerfettoTrace } from "../export/perfetto.ts";
import { Pictures } from "../export/pictures.ts";
import { openTarget, type Target } from "../export/target.ts";
import { isLog } from "../log-target.ts";
import { executed, type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type EventRange, findRange } from "../position.ts";
import { type Problem, refused } from "../problem.ts";
import { listProcesses } from "../process-list.ts";
import { count, counted } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

export type ExportFormat = "perfetto" | "csv" | "html" | "svg";

export interface ExportOptions extends CommonOptions {
  readonly as: ExportFormat;
  readonly output?: string;
  readonly pid?: number;
}

/** More pictures than a reader looks at, or a browser draws at once. */
const MOST_PICTURES = 40;

/** Writes a log, or a range of its events, in a form that other programs show. */
export async function exportCommand(
  path: string,
  range: string | undefined,
  options: ExportOptions,
  out: Output,
): Ending {
  const log = await openLog(path, out, { checkpointMemory: options.checkpointMemory });
  if (!log.ok) return log;
  const found = findRange(range, log.value);
  if (!found.ok)
    return refused({ what: found.error, where: path, advice: "see pagetrail info for its size" });
  if (options.output !== undefined && existsSync(options.output) && isLog(options.output))
    return refused({
      what: "this is a log",
      where: options.output,
      advice: "choose another name with -o FILE",
    });
  const lives = listProcesses(log.value.timeline.events);
  if (options.pid !== undefined && !lives.some(({ pid }) => pid === options.pid))
    return refused({ what: `there is no process ${options.pid}`, where: path, advice: "see pagetrail info" });
  const target = openTarget(options.output, out);
  if (!target.ok) return target;
  try {
    const written = await write(log.value, found.value, options, { sink: target.value, out });
    const done = written.ok ? target.value.done() : written;
    return done.ok ? ok(0) : done;
  } finally {
    target.value.abandon();
  }
}

interface Writing {
  readonly sink: Target;
  readonly out: Output;
}

async function write(
  log: LoadedLog,
  { from, to }: EventRange,
  options: ExportOptions,
  { sink, out }: Writing,
): Promise<Result<undefined, Problem>> {
  const start = stateAt(log, Math.max(from - 1, log.timeline.first));
  if (!start.ok) return start;
  const history = new History(start.value);
  const writer = writerFor(log, options, to);
  sink.write(writer.begin(history.begin()));
  const progress = out.progress("export");
  for (const event of log.timeline.between(start.value.seq, to - 1)) {
    const happening = executed(log.name, () => history.step(event));
    if (!happening.ok) {
      progress.end();
      return happening;
    }
    sink.write(writer.happening(happening.value));
    const wait = progress.tick(() => `event ${count(event.seq)} of ${count(to - 1)}`);
    if (wait) await wait;
  }
  progress.end();
  sink.write(writer.end((text) => out.note(text)));
  return ok(undefined);
}

interface Writer {
  begin(found: Pick<Happening, "changed" | "mapped">): Iterable<string>;
  happening(happening: Happening): Iterable<string>;
  end(note: (text: string) => void): Iterable<string>;
}

function writerFor(log: LoadedLog, options: ExportOptions, to: number): Writer {
  const isOf = ({ pid }: { readonly pid: number | undefined }): boolean =>
    options.pid === undefined || pid === options.pid;
  switch (options.as) {
    case "csv":
      return {
        begin: () => [csvHead()],
        happening: (happening) => (isOf(happening) ? [csvRow(happening)] : []),
        end: () => [],
      };
    case "perfetto":
      return perfettoWriter(log, isOf);
    case "html":
    case "svg":
      return pictureWriter(log, options, to);
  }
}

function perfettoWriter(
  { name, timeline }: LoadedLog,
  isOf: (one: { readonly pid: number | undefined }) => boolean,
): Writer {
  const clock = new Clock(timeline.events.find(({ time }) => time !== undefined)?.time);
  const trace = new PerfettoTrace(clock);
  return {
    begin: function* (found) {
      yield* trace.head(name);
      yield* trace.begin(only(found, isOf));
    },
    happening: function* (happening) {
      clock.advance(happening.event);
      const { changed, mapped, unmapped } = only(happening, isOf);
      if (isOf(happening) || changed.length > 0)
        yield* trace.happening({ ...happening, changed, mapped, unmapped });
    },
    end: () => trace.end(),
  };
}

/** What is about the address spaces of one process. */
function only<
  H extends Pick<Happening, "changed" | "mapped"> & { readonly unmapped?: Happening["unmapped"] },
>(
  { changed, mapped, unmapped = [] }: H,
  isOf: (one: { readonly pid: number | undefined }) => boolean,
): Pick<Happening, "changed" | "mapped" | "unmapped"> {
  return {
    changed: changed.filter(({ space }) => isOf(space)),
    mapped: mapped.filter(({ space }) => isOf(space)),
    unmapped: unmapped.filter(({ space }) => isOf(space)),
  };
}

function pictureWriter({ name, timeline }: LoadedLog, { as, pid }: ExportOptions, to: number): Writer {
  const pictures = new Pictures();
  return {
    begin: (found) => {
      pictures.begin(found);
      return [];
    },
    happening: (happening) => {
      pictures.happening(happening);
      return [];
    },
    end: (note) => {
      const all = [...pictures.all(to)].filter(({ space }) => pid === undefined || space.pid === pid);
      if (all.length > MOST_PICTURES)
        note(
          `${counted(all.length, "address space")}: the first ${MOST_PICTURES} are drawn; choose one with --pid`,
        );
      const drawn = all.slice(0, MOST_PICTURES);
      return as === "svg" ? svgFile(drawn) : htmlPage(name, timeline.last - timeline.first, drawn);
    },
  };
}
