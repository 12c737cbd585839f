import type { KernelHalf, KernelRegion } from "../arch/index.ts";
import { pointerText } from "./vmallocinfo.ts";

const UNITS = ["kB", "MB", "GB", "TB", "PB"];

/** Bytes in the largest unit in which they are whole. */
function sizeText(bytes: bigint): string {
  let size = bytes / 1024n;
  let unit = 0;
  while (size % 1024n === 0n && unit < UNITS.length - 1) {
    size /= 1024n;
    unit += 1;
  }
  return `${String(size).padStart(5)} ${UNITS[unit]}`;
}

const line = ({ name, start, size }: KernelRegion, half: KernelHalf): string =>
  `${pointerText(start, half)}-${pointerText(start + size - 1n, half)} ${sizeText(size)}  ${name}\n`;

/** The ranges of a kernel half, one a line with its first and last byte, as the kernel's page of them has it. */
export const kernelHalfText = (half: KernelHalf): string => half.regions.map((r) => line(r, half)).join("");
