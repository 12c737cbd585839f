import {
  entryFlags,
  type FrameFacts,
  type HeldByTlb,
  hex,
  type KernelState,
  type MmStruct,
  mapsLine,
  PAGE_SIZE,
  VM,
  type Vtop,
  type VtopEnd,
  type VtopStep,
} from "@pagetrail/core";
import { frameLines } from "./frame-text.ts";
import { counted } from "./numbers.ts";

/** An entry of page tables as one number, in hex. */
export const entryHex = ({ lo, hi }: Pick<VtopStep, "lo" | "hi">): string =>
  ((BigInt(hi) << 32n) | BigInt(lo)).toString(16);

/** Why there is no page at the end of a walk; undefined if there is one. */
export function whyAbsent(end: VtopEnd): string | undefined {
  switch (end.kind) {
    case "page":
      return undefined;
    case "none":
      return "the entry is empty";
    case "no table":
      return `there is no ${end.missing.toUpperCase()} table`;
    case "guard":
      return "a guard region's marker: any access ends in SIGSEGV";
    case "swap":
      return swapText(end);
  }
}

function swapText({ slot, users, exclusive, cached }: VtopEnd & { readonly kind: "swap" }): string {
  const named = `which ${counted(users, "entry names", "entries name")}`;
  const more = [exclusive ? ", exclusive" : "", cached === undefined ? "" : `; frame ${cached} holds it too`];
  return `in swap: slot ${slot}, ${named}${more.join("")}`;
}

/** The two lines that crash begins with. */
export function* headLines(virtual: string, physical: number | undefined): Generator<string> {
  yield `${"VIRTUAL".padEnd(16)}  PHYSICAL`;
  yield `${virtual.padEnd(16)}  ${physical === undefined ? "(not mapped)" : physical.toString(16)}`;
  yield "";
}

/** A translation as crash's `vtop` shows it: every level's table, index and entry, then the page and its VMA. */
export function* vtopLines(
  state: KernelState,
  mm: MmStruct,
  found: Vtop,
  frame: FrameFacts | undefined,
  symbol: string | undefined,
): Generator<string> {
  const { address, steps, end, vma } = found;
  yield* headLines(address.toString(16), found.physical);
  const places = steps.map(({ table, index }) => `${table.toString(16)} [${index}]`);
  const widest = Math.max(...places.map((place) => place.length));
  for (const [i, step] of steps.entries()) {
    const flags = entryFlags(step.lo, step.hi, step.depth);
    const said = flags.length === 0 ? "" : `  (${flags.join("|")})`;
    const place = (places[i] ?? "").padEnd(widest);
    yield label(step.level.toUpperCase(), `${place} => ${entryHex(step).padEnd(16)}${said}`.trimEnd());
  }
  if (end.kind === "page") yield label("PAGE", pageText(found, end));
  else yield label("NONE", whyAbsent(end) ?? "");
  yield "";
  yield label("VMA", vma ? mapsLine(state, mm, vma).trimEnd() : "no mapping covers this address");
  if (symbol !== undefined) yield label("SYM", symbol);
  if (!frame) return;
  yield "";
  yield* frameLines(state, frame);
}

/** Which CPUs' TLBs hold the page, and whether they may still use that. */
export function* tlbLines(held: readonly HeldByTlb[]): Generator<string> {
  if (held.length === 0) yield label("TLB", "no CPU holds the page");
  for (const { cpu, entry, usable } of held)
    yield label(
      "TLB",
      `CPU ${cpu} holds ${entryHex(entry)}${usable ? "" : ", to be flushed before its next use"}`,
    );
}

const label = (name: string, text: string): string => `${name.padStart(6)}: ${text}`;

const MB_PAGES = 256;

/** What one entry maps: `2 MB`. */
const sizeText = (pages: number): string =>
  pages < 1024 * MB_PAGES ? `${pages / MB_PAGES} MB` : `${pages / MB_PAGES / 1024} GB`;

/** Where the memory begins that the last entry maps, and what is special about it. */
function pageText({ address, vma }: Vtop, end: VtopEnd & { readonly kind: "page" }): string {
  const within = Math.floor(address / PAGE_SIZE) % end.span;
  const start = ((end.pfn - within) * PAGE_SIZE).toString(16);
  const own = vma && (vma.flags & VM.PFNMAP) !== 0 ? "the kernel's own" : "zeros that all share";
  const notes = [
    end.span > 1 ? sizeText(end.span) : "",
    end.special ? `${own}: nobody counts who maps it` : "",
  ].filter((note) => note !== "");
  return notes.length === 0 ? start : `${start}  (${notes.join(", ")})`;
}

/** A step for a JSON document. */
export const stepJson = (step: VtopStep): Readonly<Record<string, unknown>> => ({
  level: step.level,
  table: hex(step.table),
  index: step.index,
  at: hex(step.at),
  entry: `0x${entryHex(step)}`,
  flags: entryFlags(step.lo, step.hi, step.depth),
});
