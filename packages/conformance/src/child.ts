import { PERSONALITY, type Profile } from "@pagetrail/core";
import type { Abi, Operation } from "./operation.ts";

/** What the process of a run is like before its first random operation. */
export interface Child {
  readonly name: "plain" | "bottom-up" | "low limits" | "many mappings" | "32-bit" | "32-bit bottom-up";
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

const USUAL_MAP_COUNT = 65530;

/** Room for a few mappings only below the usual vm.max_map_count; the others are above all that it does. */
const many: Child = {
  ...plain,
  name: "many mappings",
  begins: [{ fill: { addr: 2 ** 40, count: USUAL_MAP_COUNT - 20 } }],
};

const narrow: Child = { ...plain, name: "32-bit", abi: "i386" };
const narrowBottomUp: Child = { ...bottomUp, name: "32-bit bottom-up", abi: "i386" };

/** Every kind of child, in the order in which their runs are executed. */
export const CHILDREN: readonly Child[] = [plain, bottomUp, lowLimits, many, narrow, narrowBottomUp];

/** By the seed's remainder: half of the runs are plain. */
const KINDS: readonly Child[] = [plain, narrow, plain, bottomUp, plain, lowLimits, plain, narrow];

/** What decides which kinds of child there can be. */
export interface Possible {
  /** What programs this machine can build. */
  readonly abis: ReadonlySet<Abi>;
  readonly profile: Profile;
}

const isPossible = (child: Child, { abis, profile }: Possible): boolean =>
  abis.has(child.abi) && (child !== many || profile.sysctl.maxMapCount === USUAL_MAP_COUNT);

/** The child that a seed is for. */
export function childOf(seed: number, possible: Possible): Child {
  const kind = KINDS[seed % KINDS.length] ?? plain;
  const wanted =
    kind === narrow && seed % 16 === 15 ? narrowBottomUp : kind === plain && seed % 64 === 4 ? many : kind;
  return isPossible(wanted, possible) ? wanted : plain;
}

/** Every kind that some seed is for here. */
export const possibleChildren = (possible: Possible): readonly Child[] =>
  CHILDREN.filter((child) => isPossible(child, possible));
