import {
  addressOf,
  frameFacts,
  hex,
  type KernelState,
  kernelAddress,
  type MemoryState,
  type MmStruct,
  ok,
  pageOf,
  tlbsOf,
  type Vtop,
  vtop,
  wordHex,
} from "@pagetrail/core";
import { findAddress, symbolAt } from "../address.ts";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import {
  introduce,
  momentJson,
  openProcess,
  type ProcessViewOptions,
  requirePages,
  type ShownProcess,
} from "../process-view.ts";
import { frameJson, frameLines } from "../text/frame-text.ts";
import { vmaJson } from "../text/vma-json.ts";
import { entryHex, headLines, stepJson, tlbLines, vtopLines, whyAbsent } from "../text/vtop-text.ts";
import type { Ending } from "./command.ts";

/** Translates an address of one process at one moment, and shows every step of the walk. */
export async function vtopCommand(
  path: string,
  text: string,
  options: ProcessViewOptions,
  out: Output,
): Ending {
  const shown = await openProcess(path, options, out);
  if (!shown.ok) return shown;
  const { log, state, mm } = shown.value;
  const memory = requirePages(log, state);
  if (!memory.ok) return memory;
  if (!mm) {
    if (options.json) out.document({ ...momentJson(shown.value), address: null, physical: null });
    else introduce(shown.value, out);
    return ok(0);
  }
  const found = findAddress(text, state, mm);
  if (!found.ok) return refused({ what: found.error, where: log.name, advice: "see pagetrail maps" });
  if (!options.json) introduce(shown.value, out);
  const address = found.value;
  const walked =
    typeof address === "number" && address < mm.layout.taskSize ? vtop(state, mm, address) : undefined;
  if (walked) showWalk(shown.value, memory.value, mm, walked, options, out);
  else showKernel(shown.value, memory.value, BigInt(address), options, out);
  return ok(0);
}

function frameAt(memory: MemoryState, physical: number | undefined) {
  return physical === undefined ? undefined : frameFacts(memory, pageOf(physical));
}

function showWalk(
  shown: ShownProcess,
  memory: MemoryState,
  mm: MmStruct,
  walked: Vtop,
  { json }: ProcessViewOptions,
  out: Output,
): void {
  const { state } = shown;
  const frame = frameAt(memory, walked.physical);
  const symbol = symbolAt(walked.address, state, mm);
  if (!json) {
    out.lines(vtopLines(state, mm, walked, frame, symbol));
    if (state.tlb) out.lines(["", ...tlbLines(tlbsOf(state, mm.id, pageOf(walked.address)))]);
    return;
  }
  const { address, physical, vma, steps, end } = walked;
  out.document({
    ...momentJson(shown),
    address: hex(address),
    physical: physical === undefined ? null : hex(physical),
    why: whyAbsent(end) ?? null,
    end:
      end.kind === "page" ? { ...end, start: hex(addressOf(end.pfn - (pageOf(address) % end.span))) } : end,
    steps: steps.map(stepJson),
    vma: vma ? vmaJson(state, mm, vma) : null,
    symbol: symbol ?? null,
    frame: frame ? frameJson(state, frame) : null,
    tlb: tlbsOf(state, mm.id, pageOf(address)).map(({ cpu, entry, usable }) => ({
      cpu,
      entry: entryHex(entry),
      pages: entry.pages,
      usable,
    })),
  });
}

/** An address above user space: the direct map is the only part of the kernel half that answers by itself. */
function showKernel(
  shown: ShownProcess,
  memory: MemoryState,
  address: bigint,
  { json }: ProcessViewOptions,
  out: Output,
): void {
  const { state } = shown;
  const place = kernelAddress(state.profile, address);
  const frame = frameAt(memory, place?.physical);
  const why = whyNotThere(state, place);
  if (json) {
    out.document({
      ...momentJson(shown),
      address: wordHex(address),
      physical: place?.physical === undefined ? null : hex(place.physical),
      why: why ?? null,
      region: place?.region ?? null,
      frame: frame ? frameJson(state, frame) : null,
    });
    return;
  }
  out.lines(headLines(address.toString(16), place?.physical));
  if (place) out.line(`REGION: ${place.region}, which begins at ${place.start.toString(16)}`);
  if (why !== undefined) out.line(`  NONE: ${why}`);
  if (frame) out.lines(["", ...frameLines(state, frame)]);
}

function whyNotThere(state: KernelState, place: ReturnType<typeof kernelAddress>): string | undefined {
  if (place?.physical !== undefined) return undefined;
  if (place?.region === "direct map") return "the machine has no memory there";
  if (place) return "mapped page by page, if at all: the kernel's own page tables are not modelled";
  return state.profile.layout === "x86-64"
    ? "neither user space nor a region of the kernel half"
    : `beyond user space; the kernel half of ${state.profile.layout} is not modelled`;
}
