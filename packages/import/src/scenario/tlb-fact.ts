import { type CpuTlb, PAGE_SIZE, pageOf } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { type Fact, otherwise } from "./fact.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { bytesOf, needNumber, readRange } from "./value.ts";

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

/** `tlb entries 2 hits 1`, `tlb holds p..p+8K`, `tlb lacks p`: of one CPU, and of the address space it has loaded. */
export function readTlbFact(cursor: Cursor, scope: Scope, cpu: number): Fact {
  const held = cursor.word("holds", "lacks");
  return held === undefined ? readNumbers(cursor, cpu) : readHeld(cursor, scope, cpu, held === "holds");
}

function tlbOf({ state, impasse }: Scene, cpu: number): CpuTlb {
  const found = state.tlb?.cpus.get(cpu);
  if (found) return found;
  if (state.tlb) throw impasse(`this machine has no cpu${cpu}: 'machine cpus ${cpu + 1}' gives it one`);
  throw impasse("this machine has no TLBs: a machine line with 'tlb 64' gives it some");
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
