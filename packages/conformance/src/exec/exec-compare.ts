import {
  AT,
  type MmStruct,
  maps,
  mmOf,
  type Profile,
  type ProgramStart,
  stackWords,
  vmSizes,
  type Word,
} from "@pagetrail/core";
import { EXEC_PID, type ModelExec, modelExec } from "./exec-model.ts";
import type { ExecCase, ExecProbe, LiveExec, LiveStart } from "./exec-probe.ts";

/** One exec of which model and kernel think otherwise. */
export interface ExecDifference {
  readonly exec: ExecCase;
  /** In lines: what the kernel says and the model does not (+), and the other way about (-). */
  readonly lines: readonly string[];
}

/** What the execs came to, by the kernel. */
export interface ExecComparison {
  readonly differences: readonly ExecDifference[];
  /** How many ended how: "started", an errno, "signal 11". */
  readonly ends: ReadonlyMap<string, number>;
}

/** Executes all cases on the running kernel and in the model, and compares. */
export function compareExecs(probe: ExecProbe, profile: Profile, cases: readonly ExecCase[]): ExecComparison {
  const differences: ExecDifference[] = [];
  const ends = new Map<string, number>();
  const live = probe.run(cases);
  for (const [i, exec] of cases.entries()) {
    const kernel = live[i];
    if (!kernel) throw new Error("the probe did not try every case");
    const end = endOf(kernel);
    ends.set(end, (ends.get(end) ?? 0) + 1);
    const lines = compareExec(kernel, modelExec(profile, probe, exec), exec);
    if (lines.length > 0) differences.push({ exec, lines });
  }
  return { differences, ends };
}

function endOf(exec: LiveExec): string {
  if (exec.end === "errno") return exec.errno;
  return exec.end === "signal" ? `signal ${exec.signal}` : "started";
}

const startOf = ({ end }: ModelExec): ProgramStart | undefined =>
  end.ok && end.value.killed === undefined ? end.value.start : undefined;

function modelEnd({ end }: ModelExec): string {
  if (!end.ok) return end.error.errno;
  return end.value.killed === undefined ? "started" : "signal 11";
}

function compareExec(kernel: LiveExec, model: ModelExec, exec: ExecCase): readonly string[] {
  const [theirs, ours] = [endOf(kernel), modelEnd(model)];
  if (theirs !== ours) return [`+ ${theirs}`, `- ${ours} (${whyOf(model)})`];
  const mm = mmOf(model.state, EXEC_PID);
  const start = startOf(model);
  if (kernel.end !== "started" || !mm || !start) return [];
  const live = kernelLines(kernel, mm.layout.bits);
  const mine = modelLines(model, mm, start);
  return [
    ...lacking(live, mine, "+"),
    ...lacking(mine, live, "-"),
    ...compareStack(kernel, mm, start, model, exec),
  ];
}

const lacking = (these: readonly string[], those: readonly string[], sign: string): readonly string[] => {
  const known = new Set(those);
  return these.filter((line) => !known.has(line)).map((line) => `${sign} ${line}`);
};

const whyOf = ({ end }: ModelExec): string => (end.ok ? (end.value.killed ?? "") : end.error.why);

/** The fields of /proc/PID/stat that tell of the address space, by their number. */
const STAT_FIELDS = {
  startCode: 26,
  endCode: 27,
  startStack: 28,
  startData: 45,
  endData: 46,
  startBrk: 47,
  argStart: 48,
  argEnd: 49,
  envStart: 50,
  envEnd: 51,
} as const satisfies Partial<Record<keyof MmStruct, number>>;

const SIZES = ["VmPeak", "VmSize", "VmLck", "VmData", "VmStk", "VmExe", "VmLib"] as const;

function kernelLines(kernel: LiveStart, bits: 32 | 64): readonly string[] {
  const stat = Object.entries(STAT_FIELDS).map(
    ([name, n]) => `${name} ${BigInt(kernel.stat[n] ?? 0).toString(16)}`,
  );
  return [
    `entry ${kernel.entry.toString(16)}`,
    `stack pointer ${kernel.stackPointer.toString(16)}`,
    ...stat,
    ...SIZES.map((name) => `${name} ${kernel.sizes[name]}`),
    ...kernel.maps.trimEnd().split("\n"),
    ...auxvLines(kernel, bits),
  ];
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(AT).map(([name, n]) => [n, name]));

/** Entries that the model leaves to the machine. */
const MACHINE: ReadonlySet<string> = new Set([
  "SYSINFO",
  "MINSIGSTKSZ",
  "HWCAP",
  "UID",
  "EUID",
  "GID",
  "EGID",
  "HWCAP2",
  "RSEQ_FEATURE_SIZE",
  "RSEQ_ALIGN",
]);

function wordsOf(bytes: Uint8Array, bits: 32 | 64): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bits / 8;
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
    bits === 64 ? view.getBigUint64(i * size, true) : BigInt(view.getUint32(i * size, true)),
  );
}

function auxvLines({ auxv }: LiveStart, bits: 32 | 64): readonly string[] {
  const words = wordsOf(auxv, bits);
  const lines: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    const name = NAMES.get(Number(words[i])) ?? String(words[i]);
    lines.push(`AT_${name} ${MACHINE.has(name) ? "?" : words[i + 1]?.toString(16)}`);
    if (name === "NULL") break;
  }
  return lines.map((line, i) => `${i}: ${line}`);
}

const hexOf = (word: Word): string => BigInt.asUintN(64, BigInt(word)).toString(16);

const KB_OF_PAGE = 4;

function modelLines({ state }: ModelExec, mm: MmStruct, start: ProgramStart): readonly string[] {
  const sizes = vmSizes(mm);
  const stat = Object.keys(STAT_FIELDS) as readonly (keyof typeof STAT_FIELDS)[];
  return [
    `entry ${start.entry.toString(16)}`,
    `stack pointer ${start.stackPointer.toString(16)}`,
    ...stat.map((name) => `${name} ${hexOf(mm[name])}`),
    ...SIZES.map((name) => `${name} ${sizes[name] * KB_OF_PAGE}`),
    ...maps(state, mm).trimEnd().split("\n"),
    ...start.auxv.map(({ name, value }, i) => `${i}: AT_${name} ${value === undefined ? "?" : hexOf(value)}`),
  ];
}

/** The words from the stack pointer up to AT_NULL, but for those that only the machine can tell. */
function compareStack(
  { stack }: LiveStart,
  mm: MmStruct,
  { auxv }: ProgramStart,
  { args }: ModelExec,
  { env }: ExecCase,
): readonly string[] {
  const ours = stackWords(
    mm,
    args,
    env.map((s) => s.length + 1),
    auxv,
  );
  return wordsOf(stack, mm.layout.bits).flatMap((theirs, i) => {
    const mine = ours[i];
    if (mine === undefined || BigInt(mine) === theirs) return [];
    return [`+ word ${i} of the stack ${hexOf(theirs)}`, `- word ${i} of the stack ${hexOf(mine)}`];
  });
}
