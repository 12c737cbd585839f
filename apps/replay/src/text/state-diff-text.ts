import {
  type FieldChange,
  hex,
  holderText,
  type KernelState,
  type MapChange,
  type MmId,
  PAGE_SIZE,
  type PageChange,
  pidOf,
  type RecordChange,
  type Ref,
  type SpaceChange,
  type StateChanges,
  type Task,
} from "@pagetrail/core";
import { type DiffSide, diffLines, pageLines, sideAfter, sideBefore } from "./diff-text.ts";
import type { Style } from "./style.ts";
import { vmaJson } from "./vma-json.ts";

export const isNothing = ({ spaces, tasks, cpus, refs, counters }: StateChanges): boolean =>
  spaces.length + tasks.length + cpus.length + refs.length + counters.length === 0;

/** What became of one address space: mappings, pages, and what is counted of it. */
export function* spaceLines(
  { maps, pages, counters }: SpaceChange,
  before: DiffSide,
  after: DiffSide,
  style: Style,
): Generator<string> {
  yield* diffLines(maps, before, after, { style });
  yield* pageLines(pages, style);
  if (counters.length > 0) yield style.changed(`~ counters: ${fieldsText(counters)}`);
}

/** What else is different: other address spaces, tasks, CPUs, who holds which address space, the machine's counters. */
export function* machineLines(
  { spaces, tasks, cpus, refs, counters }: StateChanges,
  a: KernelState,
  b: KernelState,
  style: Style,
): Generator<string> {
  for (const space of spaces) {
    yield style.bold(`${spaceName(space.mm, a, b)}:`);
    const sides = [
      { state: a, mm: space.before },
      { state: b, mm: space.after },
    ] as const;
    yield* spaceLines(space, sides[0], sides[1], style);
  }
  yield* recordLines(tasks, style, (task) => taskText(task as Task));
  yield* recordLines(cpus, style, (cpu) => `CPU ${(cpu as { id: number }).id}`);
  yield* recordLines(refs, style, (ref) => refText(ref as Ref));
  if (counters.length > 0) yield style.changed(`~ machine: ${fieldsText(counters)}`);
}

function* recordLines(
  changes: readonly RecordChange[],
  style: Style,
  text: (record: object) => string,
): Generator<string> {
  for (const { before, after, fields } of changes) {
    if (after && !before) yield style.added(`+ ${text(after)}`);
    else if (before && !after) yield style.removed(`- ${text(before)}`);
    else if (after) yield style.changed(`~ ${text(after)}: ${fieldsText(fields)}`);
  }
}

const fieldsText = (fields: readonly FieldChange[]): string =>
  fields
    .map(({ name, before, after }) => `${name} ${valueText(name, before)} to ${valueText(name, after)}`)
    .join(", ");

function valueText(name: string, value: unknown): string {
  if (value === undefined) return "none";
  if (name === "brk") return hex(value as number);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const taskText = (task: Task): string =>
  `task ${pidOf(task)}${task.tgid === task.pid ? "" : ` of ${task.tgid}`} (${task.comm})`;

const refText = ({ mm, counter, holder, since }: Ref): string =>
  `mm ${mm}, one of its ${counter}: ${holderText(holder)}, since event ${since}`;

/** `process 101 (demo)`, or what nobody has any more. */
function spaceName(mm: MmId, a: KernelState, b: KernelState): string {
  for (const state of [b, a])
    for (const task of state.tasks.values()) if (task.mm === mm) return `process ${task.tgid} (${task.comm})`;
  return `mm ${mm}, which no task has`;
}

export function spaceJson(
  { mm, maps, pages, counters }: SpaceChange,
  before: DiffSide,
  after: DiffSide,
): Readonly<Record<string, unknown>> {
  return {
    mm,
    changes: maps.map((change) => changeJson(change, before, after)),
    pages: before.mm?.pages || after.mm?.pages ? pages.map(pageJson) : null,
    counters: fieldsJson(counters),
  };
}

export const machineJson = (
  { spaces, tasks, cpus, refs, counters }: StateChanges,
  a: KernelState,
  b: KernelState,
): Readonly<Record<string, unknown>> => ({
  spaces: spaces.map((space) => ({
    name: spaceName(space.mm, a, b),
    kind: kindOf(space),
    ...spaceJson(space, { state: a, mm: space.before }, { state: b, mm: space.after }),
  })),
  tasks: tasks.map(recordJson),
  cpus: cpus.map(recordJson),
  refs: refs.map(recordJson),
  counters: fieldsJson(counters),
});

const kindOf = ({ before, after }: { readonly before: unknown; readonly after: unknown }): string =>
  before ? (after ? "changed" : "removed") : "created";

const recordJson = (change: RecordChange): Readonly<Record<string, unknown>> => ({
  kind: kindOf(change),
  key: change.key,
  ...(change.before && !change.after ? { before: change.before } : {}),
  ...(change.after && !change.before ? { after: change.after } : {}),
  ...(change.before && change.after ? { fields: fieldsJson(change.fields) } : {}),
});

/** Each name with what it was and what it is. */
const fieldsJson = (fields: readonly FieldChange[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    fields.map(({ name, before, after }) => [name, [before, after].map((value) => plain(name, value))]),
  );

function plain(name: string, value: unknown): unknown {
  if (value === undefined) return null;
  return name === "brk" ? hex(value as number) : value;
}

const pageJson = ({ kind, start, end }: PageChange): Readonly<Record<string, unknown>> => ({
  kind,
  start: hex(start * PAGE_SIZE),
  end: hex(end * PAGE_SIZE),
});

/** One change with both its sides. */
export function changeJson(
  change: MapChange,
  before: DiffSide,
  after: DiffSide,
): Readonly<Record<string, unknown>> {
  const { mm: left } = before;
  const { mm: right } = after;
  return {
    kind: change.kind,
    before: left ? sideBefore(change).map((vma) => vmaJson(before.state, left, vma)) : [],
    after: right ? sideAfter(change).map((vma) => vmaJson(after.state, right, vma)) : [],
  };
}
