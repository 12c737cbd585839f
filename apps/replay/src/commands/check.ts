import {
  type Comparison,
  compare,
  cProgram,
  describeOperation,
  LiveKernel,
  scenarioText,
  shrink,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { ok } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import { count, counted } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface CheckOptions extends CommonOptions {
  /** The first seed. */
  readonly seed: number;
  readonly seeds: number;
  /** Operations of each seed. */
  readonly ops: number;
}

/** So many seeds are put to the kernel at once. */
const BATCH = 8;

type Found = Comparison["differences"][number];

/** Does random operations in the model and on the running kernel, up to the first difference. */
export async function checkCommand(options: CheckOptions, out: Output): Ending {
  const reason = whyNoLiveKernel();
  if (reason !== undefined)
    return refused({
      what: `the running kernel cannot be asked: ${reason}`,
      where: "check",
      advice: "run it on Linux 6.18, x86-64, with gcc installed",
    });
  const live = new LiveKernel();
  try {
    if (!live.abis.has("i386"))
      out.note("without a 32-bit process: gcc -m32 does not work here (gcc-multilib has what it needs)");
    const { operations, found } = await search(live, options, out);
    const difference = found && { seed: found.seed, ...shrink(live, found) };
    if (options.json) out.document(asJson(options, operations, difference));
    else out.lines(asText(options, operations, difference));
    return ok(difference ? 1 : 0);
  } finally {
    live.close();
  }
}

async function search(
  live: LiveKernel,
  { seed, seeds, ops }: CheckOptions,
  out: Output,
): Promise<{ readonly operations: number; readonly found: Found | undefined }> {
  const progress = out.progress("check");
  let operations = 0;
  let found: Found | undefined;
  for (let done = 0; done < seeds && !found; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, seeds - done) }, (_, i) => seed + done + i);
    const compared = compare(live, batch, ops);
    operations += compared.operations;
    found = compared.differences[0];
    const wait = progress.tick(() => `${counted(operations, "operation")}, seed ${count(seed + done)}`);
    if (wait) await wait;
  }
  progress.end();
  return { operations, found };
}

/** What is said when nothing differed, of so many operations in words. */
export function agreement({ seed, seeds, ops }: CheckOptions, operations: string): string {
  const range = seeds === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + seeds - 1}`;
  return `${operations} (${range}, ${count(ops)} each): model and kernel agree after every one`;
}

function* asText(options: CheckOptions, operations: number, found: Found | undefined): Generator<string> {
  if (!found) {
    yield agreement(options, counted(operations, "operation"));
    return;
  }
  yield `seed ${found.seed}: model and kernel differ after ${counted(operations, "operation")} without a difference`;
  yield "";
  yield scenarioText(found);
  yield cProgram(found);
}

const asJson = (
  { seed, seeds, ops }: CheckOptions,
  operations: number,
  found: Found | undefined,
): Readonly<Record<string, unknown>> => ({
  seed,
  seeds,
  ops,
  operations,
  difference: found
    ? {
        seed: found.seed,
        child: found.child.name,
        calls: found.operations.map((o) => describeOperation(o, found.child.abi)),
        model: found.model.split("\n"),
        kernel: found.kernel.split("\n"),
        c: cProgram(found),
      }
    : null,
});
