import { isKernelAddress } from "./perf/text/frame.ts";
import type { StackFrame } from "./strace/text/index.ts";

/** More frames than this of one call are not kept: a recursion says nothing more. */
const MOST_FRAMES = 64;

/**
 * The user stack of a call as a log keeps it, innermost frame first: `symbol+0x10 (file)`, or the address instead of
 * what the recorder could not name. The kernel's own frames are left out, and what is no frame.
 */
export function stackText(stack: readonly StackFrame[] = []): readonly string[] {
  return stack
    .filter(({ address }) => !isKernelAddress(address))
    .filter(
      ({ module, symbol, text }) => module !== undefined || symbol !== undefined || text.startsWith("0x"),
    )
    .slice(0, MOST_FRAMES)
    .map(({ module, symbol, offset, address }) => {
      const place = symbol === undefined ? address : `${symbol}${offset === undefined ? "" : `+${offset}`}`;
      return module === undefined ? place : `${place} (${module})`;
    });
}
