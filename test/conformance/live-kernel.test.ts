import { type Comparison, commandOf, compare, LiveKernel, whyNoLiveKernel } from "@pagetrail/conformance";
import { afterAll, describe, expect, test } from "vitest";

const SEEDS = 100;
const OPERATIONS = 60;

const reason = whyNoLiveKernel();

describe.skipIf(reason !== undefined)(
  `against the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const live = reason === undefined ? new LiveKernel() : undefined;
    afterAll(() => live?.close());

    test(`the model agrees with the kernel after each of ${SEEDS * OPERATIONS} random operations`, () => {
      const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
      const compared = live && compare(live, seeds, OPERATIONS);
      expect(compared?.differences.map(story)).toEqual([]);
      expect(compared?.operations).toBe(SEEDS * OPERATIONS);
    });
  },
);

/** A difference as the reader needs it: the last commands, and the lines that one side has alone. */
function story({ seed, child, operations, model, kernel }: Comparison["differences"][number]): string {
  const [mine, theirs] = [model.split("\n"), kernel.split("\n")];
  return [
    `seed ${seed}, operation ${operations.length}, ${child.name}`,
    ...operations
      .slice(-6)
      .map(
        (o) =>
          `${commandOf(o, child.abi)}   ${JSON.stringify(o, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}`,
      ),
    ...mine.filter((line) => !theirs.includes(line)).map((line) => `model   ${line}`),
    ...theirs.filter((line) => !mine.includes(line)).map((line) => `kernel  ${line}`),
  ].join("\n");
}
