import { PERSONALITY } from "@pagetrail/core";
import type { Abi, Operation } from "./operation.ts";

/** What the process of a run is like before its first random operation. */
export interface Child {
  readonly name: "plain" | "bottom-up" | "low limits" | "32-bit" | "32-bit bottom-up";
  readonly abi: Abi;
  readonly personality: number;
  /** Soft RLIMIT_STACK at its start, in bytes. */
  readonly stackLimit: number;
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
  stackLimit: 8 * 2 ** 20,
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

const narrow: Child = { ...plain, name: "32-bit", abi: "i386" };
const narrowBottomUp: Child = { ...bottomUp, name: "32-bit bottom-up", abi: "i386" };

/** Every kind of child, in the order in which their runs are executed. */
export const CHILDREN: readonly Child[] = [plain, bottomUp, lowLimits, narrow, narrowBottomUp];

/** By the seed's remainder: half of the runs are plain. */
const KINDS: readonly Child[] = [plain, narrow, plain, bottomUp, plain, lowLimits, plain, narrow];

/**
 * The child that a seed is for.
 *
 * @param abis what programs this machine can build
 */
export function childOf(seed: number, abis: ReadonlySet<Abi>): Child {
  const kind = KINDS[seed % KINDS.length] ?? plain;
  const wanted = kind === narrow && seed % 16 === 15 ? narrowBottomUp : kind;
  return abis.has(wanted.abi) ? wanted : plain;
}
