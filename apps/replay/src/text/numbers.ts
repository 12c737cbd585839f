import { PAGE_SIZE } from "@pagetrail/core";

/** 12,345 */
export const count = (n: number): string => n.toLocaleString("en-US");

/** `1 event`, `2 events`. */
export const counted = (n: number, noun: string, plural = `${noun}s`): string =>
  `${count(n)} ${n === 1 ? noun : plural}`;

/** How much of `whole` a part is, cut rather than rounded up to all of it: 99.9 % is not 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const tenths = Math.floor((part / whole) * 1000);
  return tenths % 10 === 0 ? `${tenths / 10}%` : `${(tenths / 10).toFixed(1)}%`;
}

export const kilobytes = (pages: number): number => (pages * PAGE_SIZE) / 1024;

/** A number of pages as KB, or in a larger unit where that is as short: `132 KB`, `2 MB`, `1.5 GB`. */
export function pagesSize(pages: number): string {
  return bytesSize(pages * PAGE_SIZE);
}

const UNITS = ["KB", "MB", "GB", "TB", "PB"];

export function bytesSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 10_000 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = Number.isInteger(size) ? size : Number(size.toFixed(1));
  return `${count(digits)} ${UNITS[unit]}`;
}
