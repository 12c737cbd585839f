import { type KernelHalf, kmapSlotsPerCpu } from "../arch/index.ts";
import { hex } from "../base/index.ts";
import { type Kspace, kmapLocalAddress, pkmapAddress } from "../kspace/index.ts";
import { pointerText } from "./vmallocinfo.ts";

/**
 * What kmap and kmap_local have mapped, a slot a line, and who waits for one. The kernel has no such file; users
 * are one less than pkmap_count says, and a slot with none is mapped until the next flush.
 */
export function kmapText(k: Kspace, half: KernelHalf): string {
  const lines: string[] = [];
  for (const [slot, { pfn, count }] of k.pkmap)
    lines.push(
      `${pointerText(pkmapAddress(half, slot), half)} pkmap ${slot} pfn=${hex(pfn)} users=${count - 1}`,
    );
  const perCpu = kmapSlotsPerCpu(half.kmapSlots);
  for (const [index, pfn] of k.locals) {
    const where = `cpu=${Math.floor(index / perCpu)} slot=${index % perCpu}`;
    lines.push(`${pointerText(kmapLocalAddress(half, index), half)} kmap_local ${where} pfn=${hex(pfn)}`);
  }
  for (const { tid, pfn } of k.waiters) lines.push(`task ${tid} waits for a slot for pfn=${hex(pfn)}`);
  return lines.map((line) => `${line}\n`).join("");
}
