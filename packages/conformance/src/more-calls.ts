import { type MmStruct, MPOL, type Request, type Word } from "@pagetrail/core";
import type { Random } from "./random.ts";

type Of<C extends Request["call"]> = Extract<Request, { call: C }>;

const MODES = [
  ...[MPOL.DEFAULT, MPOL.DEFAULT, MPOL.DEFAULT, MPOL.BIND, MPOL.BIND, MPOL.BIND, MPOL.INTERLEAVE],
  ...[MPOL.PREFERRED, MPOL.LOCAL, MPOL.PREFERRED_MANY, MPOL.WEIGHTED_INTERLEAVE, 7],
];

/**
 * A memory policy, mostly one that is granted: only the first node is there on every machine. MPOL_MF_STRICT asks
 * for the pages that are there already.
 */
export function drawPolicy(random: Random): Pick<Of<"mbind">, "mode" | "nodes" | "flags"> {
  const kind = random.pick(MODES);
  const needsNone = kind === MPOL.DEFAULT || kind === MPOL.LOCAL;
  const nodes = needsNone !== random.chance(0.1) ? 0 : 1;
  const flags = [MPOL.F_STATIC_NODES, MPOL.F_RELATIVE_NODES, MPOL.F_NUMA_BALANCING];
  const mode = kind | (random.chance(0.15) ? random.bits(flags, 0.4) : 0);
  return { mode, nodes, flags: random.pick([0, 0, 0, 2, 8]) };
}

export const drawMrelease = (random: Random): Of<"process_mrelease"> => ({
  call: "process_mrelease",
  target: random.pick([0, -1]),
  flags: random.chance(0.2) ? 1 : 0,
});

const PR_SET_MM = 35;
const PR_SET_THP_DISABLE = 41;
const PR_GET_THP_DISABLE = 42;
const PR_SET_MEMORY_MERGE = 67;
const PR_GET_MEMORY_MERGE = 68;

const OPTIONS = [
  ...[PR_SET_MM, PR_SET_MM, PR_SET_MM, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE],
  ...[PR_SET_MEMORY_MERGE, PR_SET_MEMORY_MERGE, PR_GET_MEMORY_MERGE],
];

/** An option of prctl about the whole address space. */
export function drawPrctl(random: Random, mm: MmStruct): Of<"prctl"> {
  const option = random.pick(OPTIONS);
  const arg5 = random.chance(0.1) ? 1 : 0;
  if (option === PR_SET_MM) return random.chance(0.5) ? drawMap(random, mm) : drawField(random, mm, arg5);
  const isMerge = option === PR_SET_MEMORY_MERGE || option === PR_GET_MEMORY_MERGE;
  const arg3 = isMerge ? 0 : random.pick([0, 0, 1, 2]);
  return { call: "prctl", option, arg: random.below(2), arg3, arg4: 0, arg5 };
}

function drawField(random: Random, mm: MmStruct, arg5: number): Of<"prctl"> {
  const arg3 = random.pick([0, mm.startCode, mm.brk, mm.startStack, mm.layout.taskSize, mm.startBrk]);
  return { call: "prctl", option: PR_SET_MM, arg: random.below(14), arg3, arg4: 0, arg5 };
}

const NO_EXE = 0xffffffffn << 32n;

/** All fields at once, mostly as they are but for one. */
function drawMap(random: Random, mm: MmStruct): Of<"prctl"> {
  const stack = mm.startStack;
  const map: Word[] = [
    ...[mm.startCode, mm.endCode, mm.startData, mm.endData, mm.startBrk, mm.brk],
    ...[stack, stack, stack, stack, stack, 0, NO_EXE],
  ];
  // The start of the heap and of the stack stay: the program of a run lies below, and above.
  if (random.chance(0.5)) {
    const at = random.pick([0, 1, 2, 3, 5, 7, 8, 9, 10]);
    map[at] = Math.max(0, Number(map[at]) + random.pick([-0x1000, 0x1000, 0x10, -(2 ** 46), 2 ** 47]));
  }
  const arg4 = random.chance(0.9) ? 104 : 96;
  return { call: "prctl", option: PR_SET_MM, arg: 14, arg3: 0, arg4, map };
}
