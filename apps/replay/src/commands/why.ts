import { type Event, type Explanation, explainEvent, type KernelState, mmOf, ok } from "@pagetrail/core";
import { describeMoment } from "../moment.ts";
import { executed, type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment } from "../position.ts";
import { refused } from "../problem.ts";
import { changesBetween, type DiffSide, diffLines } from "../text/diff-text.ts";
import { EventText } from "../text/event-text.ts";
import { outcomeHex, outcomeText } from "../text/outcome.ts";
import { changeJson } from "../text/state-diff-text.ts";
import { pathLines } from "../text/why-text.ts";
import type { CommonOptions, Ending } from "./command.ts";

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
  const moment = findMoment(position, log.timeline);
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
  const story = { log, event, before: before.value, ...explained.value };
  if (json) out.document(asJson(story));
  else out.lines(asText(story, out));
  return ok(0);
}

interface Story extends Explanation {
  readonly log: LoadedLog;
  readonly event: Event;
  readonly before: KernelState;
}

/** The caller's address space before and after, or that of its child where it has none itself. */
function sidesOf({ event, before, after }: Story): readonly [DiffSide, DiffSide] {
  return [
    { state: before, mm: mmOf(before, event.tid) },
    { state: after, mm: mmOf(after, event.tid) },
  ];
}

function* asText(story: Story, out: Output): Generator<string> {
  const { log, event, before, after, path, predicted, agrees, steps } = story;
  const text = new EventText(out.style);
  for (const one of log.timeline.events) {
    if (one.seq > event.seq) break;
    text.learn(one);
  }
  const comm = (after.tasks.get(event.tid) ?? before.tasks.get(event.tid))?.comm;
  yield `${describeMoment(log, event.seq)}, by ${event.tid}${comm === undefined ? "" : ` (${comm})`}`;
  yield text.body(event);
  yield "";
  if (path.length > 0) yield* pathLines(path, out.style);
  else yield "  no rule of the model decides: the outcome is the recording's";
  yield "";
  if (!agrees) {
    yield `the model answers ${outcomeText(predicted)}, the recording ${outcomeText(event.outcome)}: the state follows it`;
    yield "";
  }
  const [left, right] = sidesOf(story);
  const changes = changesBetween(left, right);
  yield* diffLines(changes, left, right, { style: out.style });
  yield* countLines(story);
  if (changes.length === 0 && steps.every(({ kind }) => kind === "counters")) yield "nothing changed";
}

/** Counts of the caller's address space that another number stands in now. */
function* countLines(story: Story): Generator<string> {
  const [{ mm: left }, { mm: right }] = sidesOf(story);
  if (!left || !right || left.id !== right.id) return;
  for (const name of ["totalVm", "lockedVm", "dataVm", "stackVm", "brk", "mmUsers", "mmCount"] as const)
    if (left[name] !== right[name]) yield `  ${NAMES[name]} ${left[name]} -> ${right[name]}`;
  if (story.before.committed !== story.after.committed)
    yield `  vm_committed_as ${story.before.committed} -> ${story.after.committed}`;
}

const NAMES = {
  totalVm: "total_vm",
  lockedVm: "locked_vm",
  dataVm: "data_vm",
  stackVm: "stack_vm",
  brk: "brk",
  mmUsers: "mm_users",
  mmCount: "mm_count",
} as const;

function asJson(story: Story): Readonly<Record<string, unknown>> {
  const { log, event, path, predicted, agrees } = story;
  const [before, after] = sidesOf(story);
  return {
    log: log.name,
    event: event.seq,
    line: event.line ?? null,
    tid: event.tid,
    call: event.as ?? event.request.call,
    outcome: outcomeHex(event.outcome),
    predicted: outcomeHex(predicted),
    agrees,
    path,
    changes: changesBetween(before, after).map((change) => changeJson(change, before, after)),
  };
}
