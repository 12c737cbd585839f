import { relative } from "node:path";
import { type Pid, permissions, type Vma, vmaName } from "@pagetrail/core";
import { BUNDLED } from "../bundled.ts";
import { lastName } from "../process-list.ts";
import type { StepBack, TourFacts, TourMoment } from "../tour-facts.ts";
import { changesBetween, diffLines, type LineOf, totals } from "./diff-text.ts";
import { EventText } from "./event-text.ts";
import { count, counted, pagesSize, percent } from "./numbers.ts";
import { PLAIN, type Style } from "./style.ts";

const WIDTH = 100;
const DIFF_LINES = 16;

/** A tour as text of at most 100 columns, colours aside. */
export function* tourLines(facts: TourFacts, path: string | undefined, style: Style): Generator<string> {
  yield* recordedLines(facts, path, style);
  const { life } = facts;
  if (life) {
    const [, middle, last] = life.moments;
    const { pid } = life.process;
    for (const [i, moment] of life.moments.entries()) yield* momentLines(moment, pid, i + 1, style);
    if (middle && last) yield* diffSection(middle, last, pid, style);
    if (life.stepBack) yield* stepBackLines(life.stepBack, style);
  } else {
    yield "";
    yield "No process in it ever had a mapping: there is nothing more to show.";
  }
  yield* nextLines(facts, path, style);
}

const heading = (text: string, style: Style): string => style.bold(text);

/** A line cut to the width of the page. */
const fit = (line: string): string => (line.length <= WIDTH ? line : `${line.slice(0, WIDTH - 1)}…`);

function* recordedLines(facts: TourFacts, path: string | undefined, style: Style): Generator<string> {
  const { log, processes, decided, predicted } = facts;
  yield heading("What was recorded", style);
  if (path === undefined) {
    yield fit(`  ${BUNDLED.command}`);
    yield "  by strace -f on Linux 6.18, x86-64, without address randomisation";
  } else yield fit(`  ${log.name}, made by ${log.header.producer}`);
  const names = processes.map(lastName).join(", ");
  const events = counted(log.timeline.events.length, "event");
  yield fit(`  ${events} of ${counted(processes.length, "process", "processes")}: ${names}`);
  yield "";
  yield heading("How much of it the model knew by itself", style);
  yield `  ${count(predicted)} of the ${count(decided)} calls that its rules decide ended as it says: ${percent(predicted, decided)}`;
}

/** `555555554000-555555676000  1,160 KB  r-- r-x r-- rw-  /usr/bin/bash`: neighbours of one name together. */
function* momentLines(
  { what, seq, state, mm }: TourMoment,
  pid: number,
  n: number,
  style: Style,
): Generator<string> {
  yield "";
  const comm = state.tasks.get(pid as Pid)?.comm ?? "?";
  yield heading(`Maps ${n}: process ${pid} (${comm}) ${what}, behind event ${seq}`, style);
  const groups: Group[] = [];
  for (const vma of mm.vmas.items()) {
    const name = vmaName(state, mm, vma);
    const last = groups.at(-1);
    if (last?.name === name && last.vmas.at(-1)?.end === vma.start) last.vmas.push(vma);
    else groups.push({ name, vmas: [vma] });
  }
  const hidden = groups.length - 2 * SIDE;
  const shown = hidden > 1 ? [...groups.slice(0, SIDE), ...groups.slice(-SIDE)] : groups;
  for (const [i, group] of shown.entries()) {
    if (hidden > 1 && i === SIDE) yield style.dim(`  … ${hidden} more`);
    yield groupLine(group, style);
  }
}

/** Neighbouring mappings of one name. */
interface Group {
  readonly name: string;
  readonly vmas: Vma[];
}

/** Groups that a long list shows at its beginning and at its end. */
const SIDE = 8;

function groupLine({ name, vmas }: Group, style: Style): string {
  const pages = vmas.reduce((sum, vma) => sum + vma.pages, 0);
  const range = `${address(vmas[0]?.start ?? 0)}-${address(vmas.at(-1)?.end ?? 0)}`;
  const permitted = vmas.map((vma) => permissions(vma)).join(" ");
  const line = `  ${range} ${pagesSize(pages).padStart(10)}  ${permitted.padEnd(24)}  `;
  return line + (name === "" ? style.dim("anonymous") : tail(name, WIDTH - line.length));
}

/** Of a path that is too long, the end says more. */
const tail = (name: string, width: number): string =>
  name.length <= width ? name : `…${name.slice(name.length - Math.max(width - 1, 0))}`;

const address = (page: number): string => `${page.toString(16)}000`;

/** A mapping short enough for the page: range, permissions, size, name. */
const shortLine: LineOf = (state, mm, vma) => {
  const place = `${address(vma.start)}-${address(vma.end)} ${permissions(vma)} ${pagesSize(vma.pages).padStart(9)}`;
  return `${place}  ${tail(vmaName(state, mm, vma) || "anonymous", WIDTH - place.length - 10)}`;
};

function* diffSection(before: TourMoment, after: TourMoment, pid: number, style: Style): Generator<string> {
  const lines = [...diffLines(changesBetween(before, after), before, after, { style, line: shortLine })];
  yield "";
  yield heading(`What changed between maps 2 and 3 of process ${pid}: ${totals(before.mm, after.mm)}`, style);
  for (const line of lines.slice(0, DIFF_LINES)) yield `  ${line}`;
  if (lines.length > DIFF_LINES) yield `  … and ${counted(lines.length - DIFF_LINES, "line")} more`;
}

function* stepBackLines(
  { event, before, after, changes, digests }: StepBack,
  style: Style,
): Generator<string> {
  yield "";
  yield heading(`One step, and back: event ${event.seq}`, style);
  yield fit(`  ${new EventText(PLAIN).body(event)}`);
  const lines = [...diffLines(changes, before, after, { style, line: shortLine })];
  for (const line of lines.slice(0, DIFF_LINES)) yield `  ${line}`;
  if (lines.length === 0) yield "  changes no mapping";
  yield `  before it   state ${digests.before.slice(0, 16)}…`;
  yield `  behind it   state ${digests.after.slice(0, 16)}…`;
  const same =
    digests.before === digests.back ? "the same as before it" : "ANOTHER STATE: this is a bug of pagetrail";
  yield `  gone back   state ${digests.back.slice(0, 16)}…  ${same}`;
}

/** A path as it is shortest from here. */
function near(path: string): string {
  const from = relative(process.cwd(), path);
  return from.length < path.length ? from : path;
}

function* nextLines({ life }: TourFacts, path: string | undefined, style: Style): Generator<string> {
  const log = path ?? "tour.ptlog";
  const middle = life?.moments[1]?.seq ?? "50%";
  const last = life?.moments.at(-1)?.seq ?? "end";
  const pid = life?.process.pid;
  yield "";
  yield heading("Try next", style);
  yield "  (in a clone of the repository, npx -y pnpm@12.21.0 -s pagetrail stands for pagetrail)";
  if (path === undefined) {
    yield "  pagetrail import strace \\";
    yield `      ${near(BUNDLED.trace)} \\`;
    yield `      --sysroot ${near(BUNDLED.sysroot)} \\`;
    yield `      -o ${log}`;
  }
  yield `  pagetrail info ${log}`;
  yield `  pagetrail events ${log} ${middle}..${middle}+20`;
  yield `  pagetrail maps ${log} --at ${middle}${pid === undefined ? "" : ` --pid ${pid}`} --gaps`;
  yield `  pagetrail ps ${log} --at 50%`;
  yield `  pagetrail diff ${log} ${middle} ${last}${pid === undefined ? "" : ` --pid ${pid}`}`;
  yield `  pagetrail replay ${log} --emit maps --jsonl`;
  yield `  pagetrail verify ${log}`;
}
