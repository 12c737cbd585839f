import { ok, type Violation, violations } from "@pagetrail/core";
import { executed, type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type Difference, isDifference, Replayer } from "../replayer.ts";
import { differenceJson, differenceLines } from "../text/difference-text.ts";
import { count, counted } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface VerifyOptions extends CommonOptions {
  /** The laws are checked behind every so many events. */
  readonly every: number;
}

/** What a check of the whole log found. */
interface Findings {
  readonly log: LoadedLog;
  readonly replayer: Replayer;
  readonly checks: number;
  readonly difference: Difference | undefined;
  readonly broken: readonly Violation[];
}

/** Checks a log's seals, its outcomes, its sealed states, and every law of the model on the way. */
export async function verifyCommand(path: string, options: VerifyOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const replayer = new Replayer(log.value);
  const { events, last } = log.value.timeline;
  const progress = out.progress("verify");
  let checks = 0;
  let difference: Difference | undefined;
  let broken: readonly Violation[] = [];
  for (const event of events) {
    const stepped = executed(log.value.name, () => replayer.step(event));
    if (!stepped.ok) return stepped;
    if (isDifference(stepped.value)) {
      difference = stepped.value;
      break;
    }
    if (event.seq % options.every === 0 || event.seq === last) {
      broken = [...violations(replayer.state)];
      checks += 1;
      if (broken.length > 0) break;
    }
    const wait = progress.tick(() => `event ${count(event.seq)} of ${count(last)}`);
    if (wait) await wait;
  }
  progress.end();
  const findings = { log: log.value, replayer, checks, difference, broken };
  if (options.json) out.document(asJson(findings));
  else out.lines(asText(findings));
  return ok(difference || broken.length > 0 ? 1 : 0);
}

function* asText({ log, replayer, checks, difference, broken }: Findings): Generator<string> {
  const ending = log.finished ? "the log is finished" : "the log is not finished";
  const { seq } = replayer.state;
  yield `seals     ${counted(log.seals.length, "seal")} fit the bytes before them; ${ending}`;
  if (difference) yield* differenceLines(difference);
  else yield `replay    ${counted(seq - log.timeline.first, "event")} have the outcomes that were recorded`;
  yield `states    ${counted(replayer.sealsChecked, "sealed state")} of ${count(log.seals.length)} found again`;
  if (broken.length === 0) yield `laws      all hold behind ${counted(checks, "event")}`;
  else yield `laws      broken behind event ${seq}:`;
  for (const { law, where, what } of broken.slice(0, SHOWN)) yield `  ${law}: ${where}: ${what}`;
  if (broken.length > SHOWN) yield `  and ${count(broken.length - SHOWN)} more`;
}

const SHOWN = 20;

const asJson = ({ log, replayer, checks, difference, broken }: Findings) => ({
  log: log.name,
  finished: log.finished,
  seals: log.seals.length,
  events: replayer.state.seq - log.timeline.first,
  states: replayer.sealsChecked,
  checks,
  difference: difference ? differenceJson(difference) : null,
  violations: broken.map((violation) => ({ event: replayer.state.seq, ...violation })),
});
