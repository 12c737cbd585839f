import { PERSONALITY } from "@pagetrail/core";
import type { Abi, Operation } from "./operation.ts";

/** What the process of a run is like before its first random operation. */
export interface Child {
  readonly name: "plain" | "bottom-up" | "low limits";
  readonly abi: Abi;
  readonly personality: number;
  /** What it does first. */
  readonly begins: readonly Operation[];
}

const PAGE_KB = 4;

const limit = (resource: "as" | "data" | "stack" | "memlock", kb: number): Operation => ({
  request: { call: "setrlimit", target: 0, resource, soft: kb * 1024, hard: kb * 1024 },
});

const plain: Child = {
  name: "plain",
  abi: "x86-64",
  personality: PERSONALITY.ADDR_NO_RANDOMIZE,
  begins: [],
};

const bottomUp: Child = {
  ...plain,
  name: "bottom-up",
  personality: plain.personality | PERSONALITY.ADDR_COMPAT_LAYOUT,
};

/** Room for some dozens of pages only, and no privilege to pass over that. */
const lowLimits: Child = {
  ...plain,
  name: "low limits",
  begins: [
    limit("as", 120 * PAGE_KB),
    limit("data", 50 * PAGE_KB),
    limit("stack", 48 * PAGE_KB),
    limit("memlock", 12 * PAGE_KB),
    { drop: "capabilities" },
  ],
};

/** Every kind of child, in the order in which their runs are executed. */
export const CHILDREN: readonly Child[] = [plain, bottomUp, lowLimits];

/** The child that a seed is for. */
export function childOf(seed: number): Child {
  switch (seed % 8) {
    case 3:
      return bottomUp;
    case 5:
      return lowLimits;
    default:
      return plain;
  }
}
