import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GapTree, X86_64 } from "@pagetrail/core";
import type { Measure, Row } from "./row.ts";
import { time } from "./timing.ts";

/** The last is close to vm.max_map_count. */
const COUNTS = [1_000, 30_000, 65_000] as const;
const SEARCHES = 10_000;
const ROUNDS = 15;
const TOP = Math.floor(X86_64.taskSize / 4096);

/** Spans of one page with holes of one page between them, the highest just below the top. */
function spans(count: number): GapTree<{ readonly start: number; readonly end: number }> {
  const base = TOP - 2 * count;
  return GapTree.from(
    Array.from({ length: count }, (_, i) => ({ start: base + 2 * i, end: base + 2 * i + 1 })),
  );
}

/** Nanoseconds of one search that no hole between the spans satisfies. */
function searchTime(count: number): number {
  const tree = spans(count);
  let found = 0;
  const ms = time(
    () => () => {
      for (let i = 0; i < SEARCHES; i++) found += tree.highestGap(2, 16, TOP - 1)?.end ?? 0;
    },
    ROUNDS,
  );
  if (found % (TOP - 2 * count) !== 0) throw new Error("the search found another gap than the only one");
  return (ms / SEARCHES) * 1e6;
}

/** Asks the live kernel, as long as the folder of the compiled program is there. */
class LiveKernel {
  readonly #folder = mkdtempSync(join(tmpdir(), "pagetrail-bench-"));
  readonly #program = join(this.#folder, "live-gap");
  readonly built: boolean;

  constructor() {
    const source = fileURLToPath(new URL("live-gap.c", import.meta.url));
    this.built =
      platform() === "linux" && spawnSync("gcc", ["-O1", "-o", this.#program, source]).status === 0;
  }

  /** Nanoseconds of an mmap and its munmap; undefined when the kernel would not let it map so much. */
  pairTime(count: number): number | undefined {
    const { stdout, status } = spawnSync(this.#program, [String(count)], { encoding: "utf8" });
    return status === 0 ? Number(stdout) : undefined;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

function* gapRows(): Iterable<Row> {
  const live = new LiveKernel();
  try {
    for (const count of COUNTS) {
      const value = searchTime(count);
      const row = { name: `gap-search-${count}`, value, unit: "ns" };
      const pair = live.built ? live.pairTime(count) : undefined;
      if (pair === undefined) {
        const why = live.built ? "it refused that many mappings" : "there is no gcc, or this is not Linux";
        yield { ...row, note: `the live kernel was skipped: ${why}` };
      } else {
        const baseline = { name: "live mmap and munmap", value: pair };
        yield { ...row, baseline, ratio: value / pair };
      }
    }
  } finally {
    live.close();
  }
}

export const GAP_SEARCH: Measure = {
  name: "gap-search",
  about: "the search for a free range, beside the live kernel's mmap and munmap",
  run: gapRows,
};
