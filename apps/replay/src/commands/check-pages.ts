import {
  comparePages,
  describePageOperation,
  LivePages,
  type PageComparison,
  pageProgram,
  pageScenarioText,
  shrinkPages,
  whyNoLivePages,
} from "@pagetrail/conformance";
import { ok } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import { count, counted } from "../text/numbers.ts";
import { agreement, type CheckOptions } from "./check.ts";
import type { Ending } from "./command.ts";

/** So many seeds are put to the kernel at once. */
const BATCH = 8;

type Found = PageComparison["differences"][number];

/** Does random operations on pages in the model and in families of processes, up to the first difference. */
export async function checkPagesCommand(options: CheckOptions, out: Output): Ending {
  const reason = whyNoLivePages();
  if (reason !== undefined)
    return refused({
      what: `the running kernel cannot be asked about pages: ${reason}`,
      where: "check --pages",
      advice: "run it as root on Linux 6.18, x86-64, with gcc installed",
    });
  const live = new LivePages();
  try {
    const { operations, found } = await search(live, options, out);
    const difference = found && { seed: found.seed, ...shrinkPages(live, found) };
    if (options.json) out.document(asJson(options, operations, difference));
    else out.lines(asText(options, operations, difference));
    return ok(difference ? 1 : 0);
  } finally {
    live.close();
  }
}

async function search(
  live: LivePages,
  { seed, seeds, ops }: CheckOptions,
  out: Output,
): Promise<{ readonly operations: number; readonly found: Found | undefined }> {
  const progress = out.progress("check --pages");
  let operations = 0;
  let found: Found | undefined;
  for (let done = 0; done < seeds && !found; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, seeds - done) }, (_, i) => seed + done + i);
    const compared = comparePages(live, batch, ops);
    operations += compared.operations;
    found = compared.differences[0];
    const wait = progress.tick(() => `${counted(operations, "operation")}, seed ${count(seed + done)}`);
    if (wait) await wait;
  }
  progress.end();
  return { operations, found };
}

function* asText(options: CheckOptions, operations: number, found: Found | undefined): Generator<string> {
  if (!found) {
    yield agreement(options, `${counted(operations, "operation")} on pages`);
    return;
  }
  yield `seed ${found.seed}: model and kernel differ after ${counted(operations, "operation")} without a difference`;
  yield "";
  yield pageScenarioText(found);
  yield pageProgram(found);
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
        calls: found.operations.map(describePageOperation),
        model: found.model,
        kernel: found.kernel,
        c: pageProgram(found),
      }
    : null,
});
