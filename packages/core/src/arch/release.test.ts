import { describe, expect, test } from "vitest";
import { type KernelTraits, LINUX_6_18, RELEASES } from "./release.ts";

const sets: readonly (readonly [string, KernelTraits])[] = Object.entries(RELEASES);

describe("the releases", () => {
  test("are known by their own names", () => {
    for (const [name, traits] of sets) expect(traits.release).toBe(name);
  });

  test("differ in every trait: one that is the same everywhere is no difference", () => {
    const text = (value: unknown): string => JSON.stringify(value instanceof Set ? [...value] : value);
    for (const trait of Object.keys(LINUX_6_18) as (keyof KernelTraits)[]) {
      const values = new Set(sets.map(([, traits]) => text(traits[trait])));
      expect(values.size, trait).toBeGreaterThan(1);
    }
  });
});
