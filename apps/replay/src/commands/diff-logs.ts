import {
  type KernelState,
  type MmStruct,
  ok,
  type Pid,
  permissions,
  type Result,
  type Vma,
  vmaName,
} from "@pagetrail/core";
import { type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import type { Problem } from "../problem.ts";
import { lastName, listProcesses, type ProcessLife } from "../process-list.ts";
import { counted, pagesSize } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

/** How one process of two logs compares: alone in one of them, or with its changes. */
interface ProcessDiff {
  /** The command name and, where several have it, which one: `bash`, `cat 2`. */
  readonly name: string;
  readonly left?: ProcessLife;
  readonly right?: ProcessLife;
  readonly changes: readonly MappingDiff[];
}

/** A mapping of one name, permission and offset: its sizes in pages, 0 where it is not there. */
interface MappingDiff {
  readonly mapping: string;
  readonly before: number;
  readonly after: number;
}

/**
 * Compares the last maps of the processes of two logs. Processes are matched by command name, in order
 * of appearance; mappings by file, permissions and offset, wherever they lie.
 */
export async function diffLogs(left: string, right: string, { json }: CommonOptions, out: Output): Ending {
  const a = await openLog(left, out);
  if (!a.ok) return a;
  const b = await openLog(right, out);
  if (!b.ok) return b;
  const compared = compare(a.value, b.value);
  if (!compared.ok) return compared;
  const differing = compared.value.filter(
    ({ left, right, changes }) => !left || !right || changes.length > 0,
  );
  if (json) out.document({ logs: [a.value.name, b.value.name], processes: differing.map(asJson) });
  else {
    out.note(
      `the last maps of ${counted(compared.value.length, "process", "processes")} in ${a.value.name} and ${b.value.name}`,
    );
    out.lines(differing.flatMap((diff) => [...asText(diff, out)]));
    if (differing.length === 0) out.note("no difference but for addresses");
  }
  return ok(differing.length === 0 ? 0 : 1);
}

function compare(a: LoadedLog, b: LoadedLog): Result<readonly ProcessDiff[], Problem> {
  const [left, right] = [named(a), named(b)];
  const diffs: ProcessDiff[] = [];
  for (const [name, life] of left) {
    const twin = right.get(name);
    if (!twin) diffs.push({ name, left: life, changes: [] });
    else {
      const before = lastMappings(a, life);
      if (!before.ok) return before;
      const after = lastMappings(b, twin);
      if (!after.ok) return after;
      diffs.push({ name, left: life, right: twin, changes: changed(before.value, after.value) });
    }
  }
  for (const [name, life] of right) if (!left.has(name)) diffs.push({ name, right: life, changes: [] });
  return ok(diffs);
}

/** The processes of a log by command name and number. */
function named({ timeline }: LoadedLog): ReadonlyMap<string, ProcessLife> {
  const counts = new Map<string, number>();
  const lives = new Map<string, ProcessLife>();
  for (const life of listProcesses(timeline.events)) {
    const name = lastName(life);
    const n = (counts.get(name) ?? 0) + 1;
    counts.set(name, n);
    lives.set(n === 1 ? name : `${name} ${n}`, life);
  }
  return lives;
}

type Sizes = ReadonlyMap<string, readonly number[]>;

/** The sizes of a process's last mappings, by what these are. */
function lastMappings(log: LoadedLog, life: ProcessLife): Result<Sizes, Problem> {
  const state = stateAt(log, life.ended === undefined ? log.timeline.last : life.ended - 1);
  if (!state.ok) return state;
  const task = state.value.tasks.get(life.pid as Pid);
  const mm = task && state.value.mms.get(task.mm);
  const sizes = new Map<string, number[]>();
  if (!mm) return ok(sizes);
  for (const vma of mm.vmas.items()) {
    const key = mappingOf(state.value, mm, vma);
    const known = sizes.get(key);
    if (known) known.push(vma.pages);
    else sizes.set(key, [vma.pages]);
  }
  return ok(sizes);
}

function mappingOf(state: KernelState, mm: MmStruct, vma: Vma): string {
  const name = vmaName(state, mm, vma) || "anonymous";
  return `${permissions(vma)} ${vma.file === 0 ? "" : `${vma.pgoff.toString(16)}000 `}${name}`;
}

function changed(before: Sizes, after: Sizes): MappingDiff[] {
  const diffs: MappingDiff[] = [];
  for (const mapping of new Set([...before.keys(), ...after.keys()])) {
    const [left, right] = unpaired(before.get(mapping) ?? [], after.get(mapping) ?? []);
    for (let i = 0; i < Math.max(left.length, right.length); i++)
      diffs.push({ mapping, before: left[i] ?? 0, after: right[i] ?? 0 });
  }
  return diffs;
}

/** Sizes that have no equal on the other side. */
function unpaired(left: readonly number[], right: readonly number[]): readonly [number[], number[]] {
  const spare = new Map<number, number>();
  for (const size of right) spare.set(size, (spare.get(size) ?? 0) + 1);
  const alone = left.filter((size) => {
    const n = spare.get(size) ?? 0;
    if (n > 0) spare.set(size, n - 1);
    return n === 0;
  });
  return [alone, [...spare].flatMap(([size, n]) => new Array<number>(n).fill(size))];
}

function* asText({ name, left, right, changes }: ProcessDiff, out: Output): Generator<string> {
  const { bold, added, removed, changed: altered } = out.style;
  if (!left) yield added(`+ process ${name} (${right?.pid})`);
  else if (!right) yield removed(`- process ${name} (${left.pid})`);
  else yield bold(`process ${name} (${left.pid} and ${right.pid})`);
  for (const { mapping, before, after } of changes) {
    if (before === 0) yield added(`  + ${mapping}, ${pagesSize(after)}`);
    else if (after === 0) yield removed(`  - ${mapping}, ${pagesSize(before)}`);
    else yield altered(`  ~ ${mapping}, ${pagesSize(before)} to ${pagesSize(after)}`);
  }
}

const asJson = ({ name, left, right, changes }: ProcessDiff) => ({
  name,
  pids: [left?.pid ?? null, right?.pid ?? null],
  changes: changes.map(({ mapping, before, after }) => ({ mapping, pages: [before, after] })),
});
