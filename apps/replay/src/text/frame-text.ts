import {
  cachedFileName,
  type FrameFacts,
  type FrameMapping,
  hex,
  type KernelState,
  PAGE_SIZE,
} from "@pagetrail/core";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { title: "PFN", right: true },
  { title: "PHYSICAL", right: true },
  { title: "ZONE" },
  { title: "USED FOR" },
  { title: "MAPPING" },
  { title: "INDEX", right: true },
  { title: "CNT", right: true },
  { title: "MAPS", right: true },
  { title: "FLAGS" },
];

/** `anon_vma 3`, or a file's path. */
export function mappingText(state: KernelState, mapping: FrameMapping | undefined): string {
  if (!mapping) return "–";
  return mapping.kind === "anon" ? `anon_vma ${mapping.anonVma}` : cachedFileName(state, mapping.file);
}

/** A frame's struct page as crash's `kmem` shows it: numbers of addresses and of pages in files are hex. */
export function frameLines(state: KernelState, frame: FrameFacts): readonly string[] {
  const { pfn, zone, use, refcount, mapcount, flags, mapping, index, block, slot } = frame;
  const cells = [
    String(pfn),
    (pfn * PAGE_SIZE).toString(16),
    zone,
    use,
    mappingText(state, mapping),
    index === undefined ? "–" : index.toString(16),
    String(refcount),
    String(mapcount),
    flags.join("|") || "–",
  ];
  const lines = table(COLUMNS, [cells]);
  if (block)
    lines.push(
      `page ${pfn - block.first} of the ${use === "free" ? "free " : ""}block of ${2 ** block.order} at frame ${block.first}`,
    );
  if (slot !== undefined) lines.push(`in the swap cache: slot ${slot} holds the same page`);
  return lines;
}

/** The same for a JSON document. */
export function frameJson(state: KernelState, frame: FrameFacts): Readonly<Record<string, unknown>> {
  const { mapping, index, block, slot, ...rest } = frame;
  return {
    ...rest,
    physical: hex(frame.pfn * PAGE_SIZE),
    mapping: mapping ? { ...mapping, name: mappingText(state, mapping) } : null,
    index: index ?? null,
    block: block ?? null,
    slot: slot ?? null,
  };
}
