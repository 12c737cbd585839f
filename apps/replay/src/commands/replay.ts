import { type Event, isDecided, isSystemCall, mmOf, ok, type Result } from "@pagetrail/core";
import { executed, type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment } from "../position.ts";
import { type Problem, refused } from "../problem.ts";
import { type Difference, isDifference, Replayer, type Step } from "../replayer.ts";
import { differenceJson, differenceLines } from "../text/difference-text.ts";
import { EventText } from "../text/event-text.ts";
import { MapsTexts } from "../text/maps-text.ts";
import { count, counted, percent } from "../text/numbers.ts";
import { outcomeHex } from "../text/outcome.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface ReplayOptions extends CommonOptions {
  readonly to: string;
  readonly emit?: "maps";
  readonly jsonl?: boolean;
}

/** Executes a log again and checks every outcome and seal, up to the first difference. */
export async function replayCommand(path: string, options: ReplayOptions, out: Output): Ending {
  const usage = usageProblem(options);
  if (usage) return refused(usage);
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const to = findMoment(options.to, log.value);
  if (!to.ok) return refused({ what: to.error, where: log.value.name, advice: "see pagetrail info" });
  if (to.value.note) out.note(to.value.note);
  const target = to.value.seq;
  return options.emit ? emit(log.value, target, options, out) : check(log.value, target, options, out);
}

function usageProblem({ json, jsonl, emit }: ReplayOptions): Problem | undefined {
  if (jsonl && !emit)
    return { what: "--jsonl prints a line per event", where: "--jsonl", advice: "say what with --emit maps" };
  if (json && emit)
    return {
      what: "one document does not hold all maps",
      where: "--json",
      advice: "use --jsonl with --emit maps",
    };
  return undefined;
}

async function check(log: LoadedLog, target: number, options: ReplayOptions, out: Output): Ending {
  const replayer = new Replayer(log);
  const progress = out.progress("replay");
  let difference: Difference | undefined;
  while (!difference && replayer.state.seq < target) {
    const advanced = executed(log.name, () => replayer.advance(target));
    if (!advanced.ok) return advanced;
    difference = advanced.value;
    const wait = progress.tick(() => `event ${count(replayer.state.seq)} of ${count(target)}`);
    if (wait) await wait;
  }
  progress.end();
  report({ log, replayer, difference, target }, options, out);
  return ok(difference ? 1 : 0);
}

interface Checked {
  readonly log: LoadedLog;
  readonly replayer: Replayer;
  readonly difference: Difference | undefined;
  readonly target: number;
}

function report({ log, replayer, difference, target }: Checked, { json }: ReplayOptions, out: Output): void {
  const { first, events } = log.timeline;
  const done = events.slice(0, replayer.state.seq - first);
  const decided = done.filter((e) => isSystemCall(e) && isDecided(e)).length;
  const divergences = done.filter((e) => e.divergence !== undefined).length;
  const seals = replayer.sealsChecked;
  if (json) {
    const found = difference ? differenceJson(difference) : null;
    out.document({
      log: log.name,
      to: target,
      events: done.length,
      decided,
      divergences,
      seals,
      difference: found,
    });
    return;
  }
  if (difference) {
    out.lines(differenceLines(difference));
    return;
  }
  out.line(
    `${counted(done.length, "event")} of ${log.name} replay as recorded, ${counted(seals, "sealed state")} too`,
  );
  const right = percent(decided - divergences, decided);
  out.line(
    `${counted(decided, "decided call")}, ${counted(divergences, "divergence")}: ${right} predicted right`,
  );
}

/** Prints each system call with its process's maps behind it, where these are others than before. */
async function emit(log: LoadedLog, target: number, options: ReplayOptions, out: Output): Ending {
  const printer = options.jsonl ? new JsonLines(out) : new TextBlocks(out);
  const replayer = new Replayer(log);
  const progress = out.progress("replay");
  for (const event of log.timeline.events) {
    if (event.seq > target) break;
    const stepped: Result<Step | Difference, Problem> = executed(log.name, () => replayer.step(event));
    if (!stepped.ok) return stepped;
    if (isDifference(stepped.value)) {
      progress.end();
      for (const line of differenceLines(stepped.value)) out.note(line);
      return ok(1);
    }
    printer.print(event, stepped.value);
    const wait = progress.tick(() => `event ${count(event.seq)} of ${count(target)}`);
    if (wait) await wait;
  }
  progress.end();
  return ok(0);
}

/** The process that an event belongs to and its text of maps, if that is to be printed. */
function follow(
  event: Event,
  { before, after }: Step,
  texts: MapsTexts,
): { pid: number; maps: string | undefined } {
  texts.watch(event, before);
  const pid = before.tasks.get(event.tid)?.tgid ?? after.tasks.get(event.tid)?.tgid ?? event.tid;
  if (!isSystemCall(event)) return { pid, maps: undefined };
  const mm = mmOf(after, event.tid) ?? mmOf(after, pid);
  return { pid, maps: mm && texts.changed(after, pid, mm) };
}

interface Printer {
  print(event: Event, step: Step): void;
}

/** A JSON string's inside: the escapes of two texts joined are those of the joined text. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

class JsonLines implements Printer {
  readonly #out: Output;
  readonly #texts = new MapsTexts(escaped);

  constructor(out: Output) {
    this.#out = out;
  }

  print(event: Event, step: Step): void {
    const { pid, maps } = follow(event, step, this.#texts);
    if (!isSystemCall(event)) return;
    const { seq, line, tid, request, as, outcome, divergence } = event;
    const members = JSON.stringify({
      seq,
      line,
      pid,
      tid,
      call: as ?? (request.call === "given" ? request.name : request.call),
      outcome: outcomeHex(outcome),
      predicted: outcomeHex(step.predicted),
      diverged: divergence !== undefined,
    });
    this.#out.write(`${members.slice(0, -1)},"maps":${maps === undefined ? "null" : `"${maps}"`}}\n`);
  }
}

class TextBlocks implements Printer {
  readonly #out: Output;
  readonly #texts = new MapsTexts((text) => text);
  readonly #events: EventText;

  constructor(out: Output) {
    this.#out = out;
    this.#events = new EventText(out.style);
  }

  print(event: Event, step: Step): void {
    this.#events.learn(event);
    const { maps } = follow(event, step, this.#texts);
    if (!isSystemCall(event)) return;
    this.#out.line(this.#events.line(event));
    if (maps !== undefined) this.#out.write(maps);
  }
}
