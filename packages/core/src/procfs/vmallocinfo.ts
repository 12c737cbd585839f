import type { KernelHalf } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import type { Kspace, VmapArea } from "../kspace/index.ts";

/** A byte address in as many digits as the kernel's pointers have, with 0x before it: %px. */
export const pointerText = (address: bigint, { bits }: Pick<KernelHalf, "bits">): string =>
  `0x${address.toString(16).padStart(bits / 4, "0")}`;

/**
 * The text of /proc/vmallocinfo, with the addresses that it has for those who may see them: areas in use, then
 * those that wait to be purged. Sizes include the guard page. A 64-bit kernel also says on which node the frames
 * are, and there is one.
 *
 * @kernel vmalloc_info_show, mm/vmalloc.c (6.18)
 */
export function vmallocinfo({ areas }: Pick<Kspace, "areas">, half: KernelHalf): string {
  const all = areas.toArray();
  const used = all.filter(({ kind }) => kind !== "lazy").map((area) => `${areaLine(area, half)}\n`);
  const lazy = all
    .filter(({ kind }) => kind === "lazy")
    .map((area) => `${range(area, half)} unpurged vm_area\n`);
  return [...used, ...lazy].join("");
}

function range({ start, end }: VmapArea, half: KernelHalf): string {
  const at = (page: number): string => pointerText(BigInt(page) * BigInt(PAGE_SIZE), half);
  return `${at(start)}-${at(end)} ${String((end - start) * PAGE_SIZE).padStart(7)}`;
}

/** One area in use; only vmalloc keeps a list of its pages, so that only there they are counted. */
function areaLine(area: VmapArea, half: KernelHalf): string {
  const caller = area.caller === "" ? "" : ` ${area.caller}`;
  const pages = area.kind === "vmalloc" ? ` pages=${area.frames.length}` : "";
  const node = area.kind === "vmalloc" && half.bits === 64 ? ` N0=${area.frames.length}` : "";
  return `${range(area, half)}${caller}${pages} ${area.kind}${node}`;
}
