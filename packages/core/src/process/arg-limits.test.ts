import { MACHINE } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { UNLIMITED } from "../arch/index.ts";
import { checkArgLimits, withFirstArgument } from "./arg-limits.ts";
import type { ArgSizes } from "./setup-arg-pages.ts";

const KIB = 1024;
const MIB = 2 ** 20;
const NONE: ArgSizes = { argc: 1, argBytes: 1, envc: 0, envBytes: 0, nameBytes: 1 };

function answer(sizes: Partial<ArgSizes>, stack = 8 * MIB, as = UNLIMITED, argc?: number): string {
  const hard = UNLIMITED;
  const limits = { ...MACHINE.limits, stack: { soft: stack, hard }, as: { soft: as, hard } };
  const checked = checkArgLimits(limits, { ...NONE, ...sizes }, argc);
  return checked.ok ? "fits" : checked.error.errno;
}

describe("arguments and environment", () => {
  test.each([
    ["a quarter of the stack", 8 * MIB, 2 * MIB],
    ["six mebibytes of a large one", 64 * MIB, 6 * MIB],
    ["six mebibytes of one without end", UNLIMITED, 6 * MIB],
    ["128 KiB of a small one", 256 * KIB, 128 * KIB],
  ])("may take %s, with their pointers and the name, and not a byte more", (_, stack, most) => {
    const argBytes = most - 8 - 1;
    expect(answer({ argBytes }, stack)).toBe("fits");
    expect(answer({ argBytes: argBytes + 1 }, stack)).toBe("E2BIG");
    expect(answer({ argBytes: argBytes - 8 * 10, envc: 10 }, stack)).toBe("fits");
    expect(answer({ argBytes: argBytes - 8 * 10 + 1, envc: 10 }, stack)).toBe("E2BIG");
  });

  test("are refused for their pointers alone", () => {
    expect(answer({ envc: 2 * MIB })).toBe("E2BIG");
  });

  test("have no string above 128 KiB", () => {
    expect(answer({ argBytes: 200_000, longest: 131_072 })).toBe("fits");
    expect(answer({ argBytes: 200_000, longest: 131_073 })).toBe("E2BIG");
  });

  test("of more than a page need a stack that may be as large", () => {
    expect(answer({ argBytes: 4000 }, 0)).toBe("fits");
    expect(answer({ argBytes: 5000 }, 4096)).toBe("E2BIG");
    expect(answer({ argBytes: 5000 }, 8191)).toBe("E2BIG");
    expect(answer({ argBytes: 5000 }, 8192)).toBe("fits");
    expect(answer({ argBytes: 5000 }, 8 * MIB, 4096)).toBe("E2BIG");
    expect(answer({ argBytes: 5000 }, 8 * MIB, 8192)).toBe("fits");
  });

  test("of a script count the pointers that its caller passed", () => {
    const argBytes = 2 * MIB - 8 - 1;
    expect(answer({ argc: 3, argBytes })).toBe("E2BIG");
    expect(answer({ argc: 3, argBytes }, 8 * MIB, UNLIMITED, 1)).toBe("fits");
  });

  test("without any argument get an empty one", () => {
    expect(withFirstArgument({ ...NONE, argc: 0, argBytes: 0 })).toEqual({ ...NONE, argc: 1, argBytes: 1 });
    expect(withFirstArgument(NONE)).toBe(NONE);
  });
});
