import {
  fixedAddresses,
  type KernelHalf,
  type Kspace,
  kernelHalf,
  kernelHalfText,
  kmapLocalAddress,
  kmapSlotsPerCpu,
  kmapText,
  ok,
  PAGE_SIZE,
  pkmapAddress,
  pointerText,
  vmallocinfo,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { openAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface KmapOptions extends CommonOptions {
  readonly at: string;
}

/** Prints the kernel half of one moment, which all processes share. */
export async function kmapCommand(path: string, options: KmapOptions, out: Output): Ending {
  const log = await openAt(path, out, options);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const { kspace, profile, seq } = state.value;
  const half = kernelHalf(profile);
  if (options.json) {
    out.document({ log: log.value.name, event: seq, ...document(kspace, half) });
    return ok(0);
  }
  out.note(`kernel half ${half.name} of ${log.value.name} behind ${describeMoment(log.value, seq)}`);
  out.write(kernelHalfText(half));
  section(out, "vmalloc", vmallocinfo(kspace, half), "no areas");
  section(
    out,
    "kmap",
    kmapText(kspace, half),
    half.pkmap ? "no slots in use" : "every frame is in the direct map",
  );
  out.line("\nfixmap");
  out.lines(
    table(
      COLUMNS,
      fixedAddresses(half.fixmap).map((slots) => cells(slots, half)),
    ),
  );
  return ok(0);
}

function section(out: Output, title: string, text: string, empty: string): void {
  out.line(`\n${title}`);
  out.write(text === "" ? `${empty}\n` : text);
}

const COLUMNS = [{ title: "SLOTS", right: true }, { title: "FIRST" }, { title: "LAST" }, { title: "NAME" }];

type FixedSlots = ReturnType<typeof fixedAddresses>[number];

function cells({ name, from, to, first, last }: FixedSlots, half: KernelHalf): string[] {
  const slots = to - from === 1 ? String(from) : `${from}-${to - 1}`;
  return [slots, pointerText(first, half), pointerText(last, half), name];
}

function document(k: Kspace, half: KernelHalf): Readonly<Record<string, unknown>> {
  const at = (address: bigint): string => `0x${address.toString(16)}`;
  const page = (vpn: number): string => at(BigInt(vpn) * BigInt(PAGE_SIZE));
  const perCpu = kmapSlotsPerCpu(half.kmapSlots);
  return {
    half: half.name,
    regions: half.regions.map(({ name, start, size }) => ({ name, start: at(start), end: at(start + size) })),
    areas: k.areas.toArray().map(({ start, end, kind, guard, frames, caller }) => ({
      start: page(start),
      end: page(end),
      kind,
      guard,
      frames,
      caller,
    })),
    lazyPages: k.lazyPages,
    purges: k.purges,
    pkmap: [...k.pkmap].map(([slot, { pfn, count }]) => ({
      slot,
      address: at(pkmapAddress(half, slot)),
      pfn,
      count,
    })),
    locals: [...k.locals].map(([slot, pfn]) => ({
      slot,
      cpu: Math.floor(slot / perCpu),
      address: at(kmapLocalAddress(half, slot)),
      pfn,
    })),
    waiters: k.waiters,
    fixmap: fixedAddresses(half.fixmap).map(({ name, from, to, first, last }) => ({
      name,
      from,
      to,
      first: at(first),
      last: at(last),
    })),
  };
}
