import {
  childOf,
  compare,
  LiveKernel,
  possibleChildren,
  scenarioText,
  shrink,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { afterAll, describe, expect, test } from "vitest";

const SEEDS = 200;
const OPERATIONS = 200;
const BATCH = 20;

const reason = whyNoLiveKernel();

describe.skipIf(reason !== undefined)(
  `against the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const live = reason === undefined ? new LiveKernel() : undefined;
    afterAll(() => live?.close());

    const without = live?.abis.has("i386") === false ? " (no 32-bit child: gcc -m32 does not work)" : "";
    test(`the model agrees with the kernel after each of ${SEEDS * OPERATIONS} random operations${without}`, () => {
      if (!live) throw new Error("there is no live kernel");
      let operations = 0;
      for (let from = 1; from <= SEEDS; from += BATCH) {
        const seeds = Array.from({ length: BATCH }, (_, i) => from + i);
        const compared = compare(live, seeds, OPERATIONS);
        const [first] = compared.differences;
        expect(first && `seed ${first.seed}\n${scenarioText(shrink(live, first))}`).toBeUndefined();
        operations += compared.operations;
      }
      expect(operations).toBe(SEEDS * OPERATIONS);
    });

    test("its seeds are for every kind of child that can be built here", () => {
      if (!live) throw new Error("there is no live kernel");
      const kinds = new Set(Array.from({ length: SEEDS }, (_, i) => childOf(i + 1, live)));
      expect(kinds).toEqual(new Set(possibleChildren(live)));
    });
  },
);
