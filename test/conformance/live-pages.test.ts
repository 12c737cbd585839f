import {
  comparePages,
  FamilyModel,
  LivePages,
  type MakeFamily,
  type PageOperation,
  pageProgram,
  pageScenarioText,
  shrinkPages,
  whyNoLivePages,
} from "@pagetrail/conformance";
import { afterAll, describe, expect, test } from "vitest";

const SEEDS = 60;
const OPERATIONS = 100;
const BATCH = 20;

const reason = whyNoLivePages();

/** A model that misses every write: nothing happens. */
class Forgetful extends FamilyModel {
  override step(operation: PageOperation): ReturnType<FamilyModel["step"]> {
    const writes = "access" in operation && operation.access.kind === "write";
    return writes ? this.moment("0x0") : super.step(operation);
  }
}

describe.skipIf(reason !== undefined)(
  `pages against the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const live = reason === undefined ? new LivePages() : undefined;
    afterAll(() => live?.close());

    test(`the model agrees with the kernel after each of ${SEEDS * OPERATIONS} random operations on pages`, () => {
      if (!live) throw new Error("there is no live kernel");
      let operations = 0;
      const passing: number[] = [];
      for (let from = 1; from <= SEEDS; from += BATCH) {
        const seeds = Array.from({ length: BATCH }, (_, i) => from + i);
        const compared = comparePages(live, seeds, OPERATIONS);
        const [first] = compared.differences;
        expect(first && `seed ${first.seed}\n${pageScenarioText(shrinkPages(live, first))}`).toBeUndefined();
        operations += compared.operations;
        passing.push(...compared.passing);
      }
      expect(operations).toBe(SEEDS * OPERATIONS);
      // Somebody else's doing is rare: a rule that is wrong now and then is not.
      expect(passing.length).toBeLessThan(3);
    });

    test("a model that misses writes is found out, by a mapping and a write to it", () => {
      if (!live) throw new Error("there is no live kernel");
      const forgetful: MakeFamily = (pages, start) => new Forgetful(pages, start);
      const [first] = comparePages(live, [1, 2, 3, 4], 60, forgetful).differences;
      if (!first) throw new Error("nothing was found");
      const small = shrinkPages(live, first, forgetful);
      expect(small.operations.length).toBeLessThanOrEqual(3);
      expect(pageScenarioText(small)).toContain("write 0x");
      expect(pageProgram(small)).toContain("#define COMMANDS");
    });
  },
);
