import type { StackFrame } from "../../strace/text/index.ts";

const FRAME = /^\t *([0-9a-f]{1,16})(?: (.*))?$/;
const PLACE = /^(.*?)(?:\+(0x[0-9a-f]+))?(?: \((.*)\))?$/;

/** "\t    7f4747 poll+0x10 (/lib/libc.so.6)": a line of a call chain, of which symbol and module may be missing. */
export function parseFrame(line: string): StackFrame | undefined {
  const [, address, where = ""] = FRAME.exec(line) ?? [];
  if (address === undefined) return undefined;
  const [, symbol = "", offset, module] = PLACE.exec(where.trim()) ?? [];
  return {
    text: line.trim(),
    address: `0x${address}`,
    ...(module === undefined || module === "[unknown]" ? {} : { module }),
    ...(symbol === "" || symbol === "[unknown]" ? {} : { symbol }),
    ...(offset === undefined ? {} : { offset }),
  };
}

/** The kernel's half of the address space. */
export const isKernelAddress = (address: string): boolean => /^(?:0x)?f{4}[0-9a-f]{12}$/.test(address);
