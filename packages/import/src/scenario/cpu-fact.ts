import { type Cpu, type CpuTlb, INIT_MM, PAGE_SIZE, pageOf, pidOf } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { type Fact, otherwise } from "./expectation.ts";
import { knownName } from "./names.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { bytesOf, needNumber, readRange } from "./value.ts";

/** A CPU by its number: `cpu0`. */
export const CPU = /cpu\d+\b/;

export const readCpu = (cursor: Cursor): number => Number(cursor.need(CPU, "a CPU such as cpu0").slice(3));

/** Numbers that a TLB has. */
const TLB_NUMBERS: Readonly<Record<string, (cpu: CpuTlb) => number>> = {
  entries: ({ tlb }) => tlb.size,
  hits: ({ counts }) => counts.hits,
  misses: ({ counts }) => counts.misses,
  fills: ({ counts }) => counts.fills,
  evictions: ({ counts }) => counts.evictions,
  page_flushes: ({ counts }) => counts.pageFlushes,
  full_flushes: ({ counts }) => counts.fullFlushes,
  switches: ({ counts }) => counts.switches,
  shootdowns: ({ counts }) => counts.shootdowns,
  ipis_sent: ({ counts }) => counts.ipisSent,
  ipis: ({ counts }) => counts.ipisReceived,
  asid: ({ loadedAsid }) => loadedAsid,
  gen: ({ ctxs, loadedAsid }) => ctxs[loadedAsid]?.tlbGen ?? 0,
};

/** `cpu0 runs A`, `cpu0 loaded A lazy`, `cpu0 tlb entries 2 hits 1`, `cpu0 tlb holds p`. */
export function readCpuFact(cursor: Cursor, scope: Scope): Fact {
  const cpu = readCpu(cursor);
  switch (cursor.oneOf("runs", "loaded", "tlb")) {
    case "runs":
      return readRuns(cursor, scope, cpu);
    case "loaded":
      return readLoaded(cursor, scope, cpu);
    case "tlb": {
      const held = cursor.word("holds", "lacks");
      return held === undefined ? readNumbers(cursor, cpu) : readHeld(cursor, scope, cpu, held === "holds");
    }
  }
}

function cpuOf({ state, impasse }: Scene, cpu: number): Cpu {
  const found = state.cpus.get(cpu);
  if (!found) throw impasse(`there is no cpu${cpu}: a machine line with 'cpus ${cpu + 1}' gives one`);
  return found;
}

function tlbOf(scene: Scene, cpu: number): CpuTlb {
  cpuOf(scene, cpu);
  const found = scene.state.tlb?.cpus.get(cpu);
  if (!found) throw scene.impasse("this machine has no TLBs: a machine line with 'tlb 64' gives it some");
  return found;
}

function readRuns(cursor: Cursor, scope: Scope, cpu: number): Fact {
  const wanted =
    cursor.word("idle") === undefined ? knownName(cursor, scope, "process", "a process") : undefined;
  return (scene) => {
    const { current } = cpuOf(scene, cpu);
    const pid = pidOf({ pid: current });
    if (pid === (wanted ? scene.pid(wanted.of(scene)) : 0)) return undefined;
    return otherwise(wanted?.of(scene) ?? "idle", pid === 0 ? "idle" : scene.nameOf(current));
  };
}

function readLoaded(cursor: Cursor, scope: Scope, cpu: number): Fact {
  const owner =
    cursor.word("init") === undefined ? knownName(cursor, scope, "process", "a process") : undefined;
  const how = cursor.word("lazy", "busy");
  return (scene) => {
    const { loadedMm, lazy } = cpuOf(scene, cpu);
    const wanted = owner ? scene.mm(scene.pid(owner.of(scene))).id : INIT_MM;
    if (loadedMm !== wanted) return otherwise(`mm ${wanted}`, `mm ${loadedMm}`);
    const is = lazy ? "lazy" : "busy";
    return how === undefined || how === is ? undefined : otherwise(how, is);
  };
}

function readNumbers(cursor: Cursor, cpu: number): Fact {
  const wanted = new Map<string, number>();
  do wanted.set(cursor.oneOf(...Object.keys(TLB_NUMBERS)), needNumber(cursor, "a number"));
  while (!cursor.isAtEnd);
  return (scene) => {
    const tlb = tlbOf(scene, cpu);
    const text = (of: (word: string) => number): string =>
      [...wanted.keys()].map((word) => `${word} ${of(word)}`).join(" ");
    const [asked, found] = [
      text((word) => wanted.get(word) ?? 0),
      text((word) => TLB_NUMBERS[word]?.(tlb) ?? 0),
    ];
    return asked === found ? undefined : otherwise(asked, found);
  };
}

/** Whether the TLB has every page of the range, or none, of the address space that is loaded. */
function readHeld(cursor: Cursor, scope: Scope, cpu: number, holds: boolean): Fact {
  const range = readRange(cursor, scope);
  return (scene) => {
    const { tlb, loadedAsid } = tlbOf(scene, cpu);
    const { start, length } = bytesOf(range, scene);
    const end = Math.ceil((Number(start) + length) / PAGE_SIZE);
    for (let page: number = pageOf(Number(start)); page < end; page++)
      if ((tlb.peek(loadedAsid, page) !== undefined) !== holds)
        return `expected it to ${holds ? "hold" : "lack"} ${scene.describe(page * PAGE_SIZE)}`;
    return undefined;
  };
}
