import type { Vpn } from "./units.ts";

/** Pages [start, end); `end` is exclusive everywhere. */
export type PageRange = { readonly start: Vpn; readonly end: Vpn };

export const pages = (r: PageRange): number => r.end - r.start;
export const pageRange = (start: number, end: number): PageRange => ({
  start: start as Vpn,
  end: end as Vpn,
});
