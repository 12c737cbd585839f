import {
  callOf,
  type Event,
  type Explanation,
  encodeEvent,
  explainEvent,
  hex,
  type KernelState,
  mmOf,
  ok,
  pageOf,
  type Result,
} from "@pagetrail/core";
import { readExpression } from "../expression.ts";
import { describeMoment } from "../moment.ts";
import { executed, type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment } from "../position.ts";
import { type Problem, refused } from "../problem.ts";
import type { DiffSide } from "../text/diff-text.ts";
import { EventText } from "../text/event-text.ts";
import { outcomeHex, outcomeText } from "../text/outcome.ts";
import {
  diffSides,
  isSameMachine,
  isSameSpace,
  machineJson,
  machineLines,
  spaceJson,
  spaceLines,
} from "../text/state-diff-text.ts";
import { pathLines } from "../text/why-text.ts";
import type { CommonOptions, Ending } from "./command.ts";
import { searchLog } from "./when.ts";

/** Tells how an event came to its outcome: the kernel's functions, what they checked and chose, and what changed. */
export async function whyCommand(
  path: string,
  position: string,
  { json }: CommonOptions,
  out: Output,
): Ending {
  const opened = await openLog(path, out);
  if (!opened.ok) return opened;
  const log = opened.value;
  const moment = findMoment(position, log);
  if (!moment.ok) return refused({ what: moment.error, where: log.name, advice: "see pagetrail events" });
  const { seq, note } = moment.value;
  const event = log.timeline.eventAt(seq);
  if (!event)
    return refused({
      what: `no event led to ${describeMoment(log, seq)}`,
      where: log.name,
      advice: `name one of the events ${log.timeline.first + 1} to ${log.timeline.last}`,
    });
  if (note) out.note(note);
  const before = stateAt(log, seq - 1);
  if (!before.ok) return before;
  const explained = executed(log.name, () => explainEvent(before.value, event));
  if (!explained.ok) return explained;
  const missed = await lastUnmapping(log, event, before.value, out);
  if (!missed.ok) return missed;
  const story = { log, event, before: before.value, unmapping: missed.value, ...explained.value };
  if (json) out.document(asJson(story));
  else out.lines(asText(story, out));
  return ok(0);
}

interface Story extends Explanation {
  readonly log: LoadedLog;
  readonly event: Event;
  readonly before: KernelState;
  /** Where the event is a fault at which nothing is mapped any more: the event that took away what was. */
  readonly unmapping: Event | undefined;
}

/** Where a fault met nothing: the event that unmapped what was there, if anything ever was. */
async function lastUnmapping(
  log: LoadedLog,
  event: Event,
  before: KernelState,
  out: Output,
): Promise<Result<Event | undefined, Problem>> {
  const addr = missedAddress(event);
  const mm = mmOf(before, event.tid);
  if (addr === undefined || !mm || mm.vmas.find(pageOf(addr))) return ok(undefined);
  const pid = before.tasks.get(event.tid)?.tgid;
  const expression = readExpression(`vma ${hex(addr)} mapped`, log, pid);
  if (!expression.ok) return expression;
  let found: Event | undefined;
  const asked = { expression: expression.value.value, direction: "backward", edge: "changes" } as const;
  const searched = await searchLog(log, asked, out, (hit) => {
    if (hit.seq >= event.seq) return true;
    if (!hit.now) found = hit.event;
    return false;
  });
  return searched.ok ? ok(found) : searched;
}

/** The address at which the event found no mapping, of those that a program may have. */
function missedAddress({ request, outcome }: Event): number | undefined {
  const fault = "signal" in outcome ? outcome : request.call === "kill" ? request : undefined;
  const isMissed = fault?.code === "SEGV_MAPERR" && typeof fault.addr === "number";
  return isMissed ? (fault.addr as number) : undefined;
}

/** The caller's address space before and after. */
const sidesOf = ({ event, before, after }: Story): readonly [DiffSide, DiffSide] => [
  { state: before, mm: mmOf(before, event.tid) },
  { state: after, mm: mmOf(after, event.tid) },
];

function* asText(story: Story, out: Output): Generator<string> {
  const { log, event, before, after, path, predicted, agrees, unmapping } = story;
  const text = new EventText(out.style);
  text.learnUpTo(log.timeline.events, event.seq);
  const comm = (after.tasks.get(event.tid) ?? before.tasks.get(event.tid))?.comm;
  yield `${describeMoment(log, event.seq)}, by ${event.tid}${comm === undefined ? "" : ` (${comm})`}`;
  yield text.body(event);
  for (const frame of event.stack ?? []) yield out.style.dim(`    at ${frame}`);
  yield "";
  if (path.length > 0) yield* pathLines(path, out.style);
  else yield "  no rule of the model decides: the outcome is the recording's";
  yield "";
  if (unmapping) {
    yield "what was mapped there went with";
    yield text.line(unmapping);
    for (const frame of unmapping.stack ?? []) yield out.style.dim(`    at ${frame}`);
    yield "";
  }
  if (!agrees) {
    yield `the model answers ${outcomeText(predicted)}, the recording ${outcomeText(event.outcome)}: the state follows it`;
    yield "";
  }
  const [left, right] = sidesOf(story);
  const { own, machine } = diffSides(left, right);
  yield* spaceLines(own, left, right, out.style);
  yield* machineLines(machine, before, after, out.style);
  if (isSameSpace(own) && isSameMachine(machine)) yield "nothing changed";
}

function asJson(story: Story): Readonly<Record<string, unknown>> {
  const { log, event, before, after, path, predicted, agrees, unmapping } = story;
  const [left, right] = sidesOf(story);
  const { own, machine } = diffSides(left, right);
  return {
    log: log.name,
    event: event.seq,
    line: event.line ?? null,
    tid: event.tid,
    call: callOf(event),
    outcome: outcomeHex(event.outcome),
    predicted: outcomeHex(predicted),
    agrees,
    path,
    unmapping: unmapping ? encodeEvent(unmapping) : null,
    ...spaceJson(own, left, right),
    machine: machineJson(machine, before, after),
  };
}
