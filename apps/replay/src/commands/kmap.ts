import {
  type KernelHalf,
  type KernelState,
  kernelHalf,
  kmapLocalAddress,
  mappedPages,
  ok,
  PAGE_SIZE,
  pkmapAddress,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { bytesSize, counted } from "../text/numbers.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface KmapOptions extends CommonOptions {
  readonly at: string;
}

const hexOf = (address: bigint): string => address.toString(16);
const pageAt = (page: number): bigint => BigInt(page) * BigInt(PAGE_SIZE);

/** Shows the kernel half of every address space: its regions, and what is mapped there at one moment. */
export async function kmapCommand(path: string, options: KmapOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const half = kernelHalf(state.value.profile);
  if (options.json) {
    out.document({ log: log.value.name, event: state.value.seq, ...halfJson(half, state.value) });
    return ok(0);
  }
  out.note(`${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
  out.lines(regionLines(half));
  out.lines(areaLines(state.value));
  out.lines(slotLines(half, state.value));
  return ok(0);
}

function regionLines(half: KernelHalf): readonly string[] {
  const rows = half.regions.map(({ name, start, size }) => [
    hexOf(start),
    hexOf(start + size - 1n),
    bytesSize(Number(size)),
    name,
  ]);
  const columns = [{ title: "START" }, { title: "END" }, { title: "SIZE", right: true }, { title: "REGION" }];
  return table(columns, rows);
}

function areaLines({ kspace }: KernelState): readonly string[] {
  const areas = kspace.areas.toArray();
  if (areas.length === 0) return ["", "vmalloc: nothing is mapped"];
  const rows = areas.map((area) => [
    hexOf(pageAt(area.start)),
    hexOf(pageAt(area.end)),
    String(area.kind === "lazy" ? 0 : mappedPages(area)),
    area.kind,
    area.caller,
  ]);
  const columns = [
    { title: "START" },
    { title: "END" },
    { title: "PAGES", right: true },
    { title: "KIND" },
    { title: "CALLER" },
  ];
  const waiting = `${counted(kspace.lazyPages, "page")} to be purged, ${counted(kspace.purges, "purge")} so far`;
  return ["", ...table(columns, rows), waiting];
}

function slotLines(half: KernelHalf, { kspace }: KernelState): readonly string[] {
  const rows = [
    ...[...kspace.pkmap].map(([slot, { pfn, count: n }]) => [
      "kmap",
      String(slot),
      hexOf(pkmapAddress(half, slot)),
      String(pfn),
      String(n),
    ]),
    ...[...kspace.locals].map(([slot, pfn]) => [
      "kmap_local",
      String(slot),
      hexOf(kmapLocalAddress(half, slot)),
      String(pfn),
      "",
    ]),
  ];
  if (rows.length === 0)
    return [
      "",
      half.pkmap ? `kmap: none of ${half.pkmap.slots} slots is mapped` : "kmap: the direct map serves",
    ];
  const columns = [
    { title: "SLOT OF" },
    { title: "SLOT", right: true },
    { title: "ADDRESS" },
    { title: "PFN", right: true },
    { title: "COUNT", right: true },
  ];
  const waiting = kspace.waiters.map(({ tid, pfn }) => `task ${tid} waits for a slot for frame ${pfn}`);
  return ["", ...table(columns, rows), ...waiting];
}

const hex0x = (address: bigint): string => `0x${hexOf(address)}`;

function halfJson(half: KernelHalf, { kspace }: KernelState): Readonly<Record<string, unknown>> {
  return {
    half: half.name,
    regions: half.regions.map(({ name, start, size }) => ({
      name,
      start: hex0x(start),
      end: hex0x(start + size),
    })),
    areas: kspace.areas.toArray().map(({ start, end, kind, guard, frames, caller }) => ({
      start: hex0x(pageAt(start)),
      end: hex0x(pageAt(end)),
      kind,
      guard,
      frames,
      caller,
    })),
    lazyPages: kspace.lazyPages,
    purges: kspace.purges,
    pkmap: [...kspace.pkmap].map(([slot, { pfn, count: n }]) => ({
      slot,
      address: hex0x(pkmapAddress(half, slot)),
      pfn,
      count: n,
    })),
    locals: [...kspace.locals].map(([slot, pfn]) => ({
      slot,
      address: hex0x(kmapLocalAddress(half, slot)),
      pfn,
    })),
    waiters: kspace.waiters,
  };
}
