import {
  comparePages,
  describePageOperation,
  LivePages,
  type PageComparison,
  pageProgram,
  pageScenarioText,
  shrinkPages,
  whoDisturbsPages,
  whyNoLivePages,
} from "@pagetrail/conformance";
import { ok } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import { counted } from "../text/numbers.ts";
import { agreement, type CheckOptions, firstDifference } from "./check.ts";
import type { Ending } from "./command.ts";

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
    const passing: number[] = [];
    const { operations, found } = await firstDifference("check --pages", options, out, (seeds, ops) => {
      const compared = comparePages(live, seeds, ops);
      passing.push(...compared.passing);
      return compared;
    });
    for (const seed of passing)
      out.note(
        `seed ${seed}: a difference did not come again; ${whoDisturbsPages()} looks at this machine's pages`,
      );
    const difference = found && { seed: found.seed, ...shrinkPages(live, found) };
    if (options.json) out.document(asJson(options, operations, passing, difference));
    else out.lines(asText(options, operations, difference));
    return ok(difference ? 1 : 0);
  } finally {
    live.close();
  }
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
  passing: readonly number[],
  found: Found | undefined,
): Readonly<Record<string, unknown>> => ({
  seed,
  seeds,
  ops,
  operations,
  passing,
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
