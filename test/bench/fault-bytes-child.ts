import { replayed, untouched, writes } from "./faults.ts";

/** Pages touched, and how far they lie apart. */
const [pages, stride] = process.argv[2] === "sparse" ? [2 ** 15, 512] : [10 ** 6, 1];

const used = (): number => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

const empty = untouched(pages * stride);
const before = used();
const kept: unknown[] = [replayed(empty, writes(empty, pages, stride))];
console.log((used() - before) / pages / kept.length);
