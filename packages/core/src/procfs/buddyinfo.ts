import type { KernelState } from "../kernel/index.ts";

/**
 * /proc/buddyinfo, byte for byte: the free blocks of each zone, those of one page first. Empty where pages are
 * not modelled.
 *
 * @kernel frag_show_print, mm/vmstat.c (6.18)
 */
export const buddyinfo = ({ memory }: KernelState): string =>
  (memory?.phys.zones ?? [])
    .map(({ name, blocks }) => {
      const counts = blocks.map((n) => `${String(n).padStart(6)} `).join("");
      return `Node 0, zone ${name.padStart(8)} ${counts}\n`;
    })
    .join("");
