import { hex, PAGE_SIZE, type PagemapRun, PM, pageAddress } from "@pagetrail/core";
import { counted } from "./numbers.ts";

const FRAME_MASK = (1n << 55n) - 1n;
const SWAP_TYPE_BITS = 5n;

/** What an entry of pagemap says: the numbers are present where its bits mean them. */
export interface PagemapFacts {
  readonly present: boolean;
  readonly swap: boolean;
  readonly file: boolean;
  readonly exclusive: boolean;
  readonly guard: boolean;
  readonly frame?: number;
  readonly slot?: number;
}

export function pagemapFacts(entry: bigint): PagemapFacts {
  const has = (bit: bigint): boolean => (entry & bit) !== 0n;
  const facts = {
    present: has(PM.PRESENT),
    swap: has(PM.SWAP),
    file: has(PM.FILE),
    exclusive: has(PM.MMAP_EXCLUSIVE),
    guard: has(PM.GUARD_REGION),
  };
  if (facts.present) return { ...facts, frame: Number(entry & FRAME_MASK) };
  if (facts.swap && !facts.guard) return { ...facts, slot: Number((entry & FRAME_MASK) >> SWAP_TYPE_BITS) };
  return facts;
}

/** `20000000-20001000 81000000000ffffa present exclusive frame 65530` */
export function pagemapLine(run: PagemapRun): string {
  const range = `${pageAddress(run.start)}-${pageAddress(run.end)}`;
  return `${range} ${run.entry.toString(16).padStart(16, "0")} ${runText(run)}`;
}

function runText({ start, end, entry, vma }: PagemapRun): string {
  if (entry === 0n) return `${vma ? "absent" : "no mapping"}, ${counted(end - start, "page")}`;
  const { present, swap, file, exclusive, guard, frame, slot } = pagemapFacts(entry);
  const words = [present && "present", swap && "swap", file && "file", exclusive && "exclusive"];
  if (guard) words.push("guard");
  if (frame !== undefined) words.push(`frame ${frame}`);
  if (slot !== undefined) words.push(`slot ${slot}`);
  return words.filter((word) => word !== false).join(" ");
}

/** The same for JSON. */
export const pagemapJson = (run: PagemapRun): Readonly<Record<string, unknown>> => ({
  start: hex(run.start * PAGE_SIZE),
  end: hex(run.end * PAGE_SIZE),
  entry: `0x${run.entry.toString(16)}`,
  mapped: run.vma !== undefined,
  ...pagemapFacts(run.entry),
});
