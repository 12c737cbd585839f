import type { KernelState, Outcome } from "@pagetrail/core";
import { sameOutcome } from "@pagetrail/core";
import { outcomeText } from "./event-text.ts";
import { type MappingPattern, matchesOf, nearest, patternOf, patternText } from "./mapping-pattern.ts";
import { type Maps, type MapsSubject, mapsOf, type StateSubject, sizeText } from "./maps.ts";
import { COMPARED, compareMaps, comparisonText, type MapsColumn } from "./maps-difference.ts";
import type { Run } from "./run.ts";
import {
  answersText,
  brokenLaws,
  eventsBefore,
  firstDivergence,
  replayDifference,
} from "./run-comparison.ts";

/** What a matcher came to, as vitest wants it. */
export interface MatcherResult {
  readonly pass: boolean;
  /** Why it failed, or, where it passed, why its opposite failed. */
  readonly message: () => string;
}

/** How `toMatchMaps` compares. */
export interface MapsMatching {
  /** `range`, `permissions`, `offset` and `name` unless told otherwise. */
  readonly columns?: readonly MapsColumn[];
  /** The process that is meant, where there are several. */
  readonly process?: number;
}

const answer = (pass: boolean, otherwise: string, opposite: string): MatcherResult => ({
  pass,
  message: () => (pass ? opposite : otherwise),
});

const count = (n: number, what: string): string => `${n.toLocaleString("en")} ${n === 1 ? what : `${what}s`}`;

/** How many lines of maps a message shows. */
const SHOWN_LINES = 40;

function shortened(maps: Maps): string {
  const lines = maps.toString().split("\n");
  const more = lines.length - SHOWN_LINES;
  return lines
    .slice(0, SHOWN_LINES)
    .concat(more > 0 ? [`… and ${more} more`] : [])
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Whether something has a mapping that is as the pattern says, or as a line of maps. */
export function toHaveMapping(received: MapsSubject, pattern: string | MappingPattern): MatcherResult {
  const maps = mapsOf(received);
  const wanted = patternOf(pattern);
  const found = matchesOf(maps, wanted);
  const near = nearest(maps, wanted);
  const misses = near.flatMap(({ mapping, faults }) => [`  ${mapping.line}`, `    ${faults.join("; ")}`]);
  return answer(
    found.length > 0,
    [
      `expected ${patternText(wanted)}`,
      ...(misses.length > 0 ? ["", "nearest:", ...misses] : []),
      ...["", `in ${count(maps.mappings.length, "mapping")} of ${sizeText(maps.bytes)}:`, shortened(maps)],
    ].join("\n"),
    [`expected not to have ${patternText(wanted)}`, "", ...found.map(({ line }) => `+ ${line}`)].join("\n"),
  );
}

/** Whether something has exactly these mappings: those of a text of maps, a run, a machine, a strip. */
export function toMatchMaps(
  received: MapsSubject,
  expected: MapsSubject,
  { columns = COMPARED, process }: MapsMatching = {},
): MatcherResult {
  const lines = compareMaps(mapsOf(received, process), mapsOf(expected), columns);
  const differing = lines.filter(({ kind }) => kind !== "same").length;
  return answer(
    differing === 0,
    [
      `${count(differing, "mapping")} of ${lines.length} differ (- expected, + received):`,
      "",
      comparisonText(lines),
    ].join("\n"),
    `expected other maps than these ${count(lines.length, "line")}:\n\n${lines
      .map((line) => ("received" in line ? `  ${line.received.line}` : ""))
      .join("\n")}`,
  );
}

/** Whether a run ends as recorded when it is done again: every outcome, and every state that a log has sealed. */
export function toReplay(received: Run): MatcherResult {
  const total = count(received.events.length, "event");
  const difference = replayDifference(received);
  if (!difference)
    return answer(true, "", `expected ${total} to replay otherwise, but they replay as recorded`);
  const { event } = difference;
  const what =
    "predicted" in difference
      ? [`event ${event.seq} ends otherwise:`, "", eventsBefore(received, event)].concat(
          answersText(difference.expected, difference.predicted),
        )
      : [
          ...[
            `behind event ${event.seq} the state is not the sealed one:`,
            "",
            eventsBefore(received, event),
          ],
          ...[`- sealed  ${difference.sealed}`, `+ found   ${difference.found}`],
        ];
  return answer(false, `expected ${total} to replay, but ${what.join("\n")}`, "");
}

/** Whether every law of the model holds on a state; on a run, behind each of its events. */
export function toSatisfyLaws(received: KernelState | StateSubject | Run): MatcherResult {
  const { event, violations } = brokenLaws(received);
  const broken = violations.map(({ law, where, what }) => `  ${law}, ${where}: ${what}`);
  const shown = event && "events" in received ? ["", eventsBefore(received, event)] : [];
  const where = event ? ` behind event ${event.seq}` : "";
  return answer(
    violations.length === 0,
    [
      `expected every law to hold, but there ${violations.length === 1 ? "is" : "are"} ${count(violations.length, "violation")}${where}:`,
    ]
      .concat(broken, shown)
      .join("\n"),
    "expected some law not to hold, but all of them do",
  );
}

/** Whether model and recording part for the first time at this event, and, if told, with this answer of the model. */
export function toDivergeAt(received: Run, seq: number, model?: Outcome): MatcherResult {
  const first = firstDivergence(received);
  const total = count(received.events.length, "event");
  if (!first)
    return answer(false, `expected event ${seq} to diverge, but all ${total} are as the model has them`, "");
  const { event, predicted } = first;
  const shown = `${eventsBefore(received, event)}\n${answersText(event.outcome, predicted)}`;
  const isThere = event.seq === seq;
  const isSo = model === undefined || sameOutcome(model, predicted);
  const otherwise = isThere
    ? `expected the model to answer ${model ? outcomeText(model) : ""} at event ${seq}:`
    : `expected event ${seq} to be the first to diverge, but event ${event.seq} is:`;
  return answer(
    isThere && isSo,
    `${otherwise}\n\n${shown}`,
    `expected event ${seq} not to be the first to diverge, but it is:\n\n${shown}`,
  );
}
