import { PERSONALITY, violations } from "@pagetrail/core";
import { Generator, type Operation, someFeatures } from "./generator.ts";
import type { LiveKernel, LiveMoment } from "./live-kernel.ts";
import { ModelRun } from "./model-run.ts";
import { Random } from "./random.ts";

/** Where model and kernel part: the commands up to there, and both sides. */
export interface Difference {
  readonly seed: number;
  readonly commands: readonly string[];
  readonly model: string;
  readonly kernel: string;
}

/** What a comparison found; each seed is told apart up to its first difference. */
export interface Comparison {
  /** Operations after which nothing differed. */
  readonly operations: number;
  readonly differences: readonly Difference[];
}

/**
 * Draws `length` operations for each seed, does them in the model and on the running kernel, and compares
 * after every one: the result, every mapping with its flags, and the sizes of the address space.
 */
export function compare(live: LiveKernel, seeds: readonly number[], length: number): Comparison {
  let operations = 0;
  const differences: Difference[] = [];
  // Every fourth seed lives in the bottom-up layout.
  for (const legacy of [false, true]) {
    const mine = seeds.filter((seed) => (seed % 4 === 3) === legacy);
    const personality = PERSONALITY.ADDR_NO_RANDOMIZE | (legacy ? PERSONALITY.ADDR_COMPAT_LAYOUT : 0);
    const [start] = live.execute([[]], personality);
    if (!start) throw new Error("the program told nothing");
    const planned = mine.map((seed) => plan(new ModelRun(live, start, personality), seed, length));
    const runs = live.execute(
      planned.map((p) => p.map(({ operation }) => operation.line)),
      personality,
    );
    mine.forEach((seed, i) => {
      const steps = planned[i] ?? [];
      const moments = runs[i]?.moments.slice(1) ?? [];
      const at = steps.findIndex((s, k) => textOf(s.moment) !== textOf(moments[k]));
      operations += at < 0 ? steps.length : at;
      if (at < 0) return;
      const commands = steps.slice(0, at + 1).map(({ operation }) => describe(operation));
      differences.push({ seed, commands, model: textOf(steps[at]?.moment), kernel: textOf(moments[at]) });
    });
  }
  return { operations, differences };
}

interface Planned {
  readonly operation: Operation;
  readonly moment: LiveMoment;
}

function plan(model: ModelRun, seed: number, length: number): readonly Planned[] {
  const random = new Random(seed);
  const generator = new Generator(random, someFeatures(random), model);
  const planned: Planned[] = [];
  while (planned.length < length) {
    const operation = generator.next();
    planned.push({ operation, moment: model.step(operation.step) });
    for (const v of violations(model.state)) throw new Error(`seed ${seed}: ${v.law}, ${v.where}: ${v.what}`);
  }
  return planned;
}

/** A command with the request that the model was asked, for the eye. */
const describe = ({ line, step }: Operation): string =>
  `${line}   ${JSON.stringify(step, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}`;

/** A moment as text, in the sizes that both sides know. */
function textOf(moment: LiveMoment | undefined): string {
  if (!moment) return "the process is gone";
  const { VmPeak, VmSize, VmLck, VmPin, VmData, VmStk, VmExe, VmLib } = moment.sizes;
  const sizes = { VmPeak, VmSize, VmLck, VmPin, VmData, VmStk, VmExe, VmLib };
  const hex = (n: number): string => n.toString(16);
  const lines = moment.vmas.map(
    (v) => `${hex(v.start)}-${hex(v.end)} ${v.permissions} ${hex(v.offset)} ${v.name} [${v.codes}]`,
  );
  return [`= ${moment.result}`, ...lines, JSON.stringify(sizes)].join("\n");
}
