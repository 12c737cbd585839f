import { describe, expect, test } from "vitest";
import { proveInModel, proveOnKernel } from "./prove.ts";
import { SECTIONS } from "./sections.ts";

proveInModel(SECTIONS);
proveOnKernel(SECTIONS);

describe("the rules", () => {
  test("have names that are told apart", () => {
    for (const { rules } of SECTIONS) {
      const names = rules.map(({ name }) => name);
      expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    }
  });
});
