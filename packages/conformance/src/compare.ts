import { violations } from "@pagetrail/core";
import { CHILDREN, type Child, childOf } from "./child.ts";
import { Generator, someFeatures } from "./generator.ts";
import type { LiveKernel, LiveMoment, LiveRun } from "./live-kernel.ts";
import { ModelRun } from "./model-run.ts";
import type { Operation } from "./operation.ts";
import { Random } from "./random.ts";
import { SecondOpinion } from "./second-opinion.ts";

/** Where model and kernel part: the operations up to there, and both sides. */
export interface Difference {
  readonly child: Child;
  readonly operations: readonly Operation[];
  /** Where the heap began. */
  readonly heap: number;
  readonly model: string;
  readonly kernel: string;
  /** Where the flat model differs from the kernel too; absent where it agrees or has no opinion. */
  readonly flat?: string;
}

/** What a comparison found; each seed is told apart up to its first difference. */
export interface Comparison {
  /** Operations after which nothing differed. */
  readonly operations: number;
  readonly differences: readonly (Difference & { readonly seed: number })[];
}

/** What stands for the model: another one in tests of the comparison itself. */
export type MakeModel = (live: LiveKernel, start: LiveRun, child: Child) => ModelRun;

const theModel: MakeModel = (live, start, child) => new ModelRun(live, start, child);

/**
 * Draws `length` operations for each seed, does them in the model and on the running kernel, and compares
 * after every one: the result, every mapping with its flags, and the sizes of the address space.
 */
export function compare(
  live: LiveKernel,
  seeds: readonly number[],
  length: number,
  makeModel = theModel,
): Comparison {
  let operations = 0;
  const differences: Comparison["differences"][number][] = [];
  for (const child of CHILDREN) {
    const mine = seeds.filter((seed) => childOf(seed, live) === child);
    if (mine.length === 0) continue;
    const start = startOf(live, child);
    const planned = mine.map((seed) => plan(makeModel(live, start, child), child, seed, length));
    const found = differencesOf(live, child, start, planned);
    mine.forEach((seed, i) => {
      const difference = found[i];
      if (difference) differences.push({ seed, ...difference });
      operations += difference ? difference.operations.length - 1 : (planned[i]?.length ?? 0);
    });
  }
  return { operations, differences };
}

/** The first difference that each sequence of operations leads to, undefined for none. */
export function compareSequences(
  live: LiveKernel,
  child: Child,
  sequences: readonly (readonly Operation[])[],
  makeModel = theModel,
): readonly (Difference | undefined)[] {
  const start = startOf(live, child);
  const planned = sequences.map((operations) => {
    const model = makeModel(live, start, child);
    return operations.map((operation) => ({ operation, moment: model.step(operation) }));
  });
  return differencesOf(live, child, start, planned);
}

interface Planned {
  readonly operation: Operation;
  readonly moment: LiveMoment;
}

function startOf(live: LiveKernel, child: Child): LiveRun {
  const [start] = live.execute([[]], child);
  if (!start) throw new Error("the program told nothing");
  return start;
}

function differencesOf(
  live: LiveKernel,
  child: Child,
  start: LiveRun,
  planned: readonly (readonly Planned[])[],
): readonly (Difference | undefined)[] {
  const runs = live.execute(
    planned.map((steps) => steps.map(({ operation }) => operation)),
    child,
  );
  return planned.map((steps, i) => {
    const moments = runs[i]?.moments ?? [];
    const opinion = moments[0] && new SecondOpinion(moments[0], start.brk);
    for (const [at, { operation, moment }] of steps.entries()) {
      const answer = moments[at + 1];
      const [model, kernel] = [textOf(moment), textOf(answer)];
      const flat = answer && opinion?.after(operation, answer);
      if (model === kernel && flat === undefined) continue;
      const operations = steps.slice(0, at + 1).map((step) => step.operation);
      return { child, operations, heap: start.brk, model, kernel, ...(flat !== undefined && { flat }) };
    }
    return undefined;
  });
}

function plan(model: ModelRun, child: Child, seed: number, length: number): readonly Planned[] {
  const random = new Random(seed);
  const generator = new Generator(random, someFeatures(random), model, child.abi);
  const planned: Planned[] = [];
  while (planned.length < length) {
    const operation = child.begins[planned.length] ?? generator.next();
    planned.push({ operation, moment: model.step(operation) });
    // Tens of thousands of mappings are looked through only now and then.
    if (child.name === "many mappings" && planned.length % 50 !== 0) continue;
    for (const v of violations(model.state)) throw new Error(`seed ${seed}: ${v.law}, ${v.where}: ${v.what}`);
  }
  return planned;
}

/** A moment as text, in what both sides know. */
export function textOf(moment: LiveMoment | undefined): string {
  if (!moment) return "the process is gone";
  const { VmPeak, VmSize, VmLck, VmPin, VmData, VmStk, VmExe, VmLib } = moment.sizes;
  const sizes = { VmPeak, VmSize, VmLck, VmPin, VmData, VmStk, VmExe, VmLib };
  const hex = (n: number): string => n.toString(16);
  const lines = moment.vmas.map(
    (v) => `${hex(v.start)}-${hex(v.end)} ${v.permissions} ${hex(v.offset)} ${v.name} [${v.codes}]`,
  );
  return [`= ${moment.result}`, ...lines, JSON.stringify(sizes)].join("\n");
}
