import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Measure, Row } from "./row.ts";
import { median } from "./timing.ts";

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const ROUNDS = 5;
const MOST = 2;

/** A run of the compiler, its assembler included, as a build does many of. */
const COMPILED = path("packages/conformance/src/pages/pages.c");
const TIMED = `TIMEFORMAT='took %R'; time gcc -O2 -c '${COMPILED}' -o out.o`;

/** Seconds that the compiler took, as bash beside it measured them. */
function seconds(words: readonly string[], cwd: string): number {
  const [program = "", ...rest] = [...words, "bash", "-c", TIMED];
  const { stderr } = spawnSync(program, rest, { cwd, encoding: "utf8" });
  const took = /^took ([\d.]+)$/m.exec(stderr)?.[1];
  if (took === undefined) throw new Error(`the compiler did not run: ${stderr}`);
  return Number(took);
}

function* recordRows(): Iterable<Row> {
  const cwd = mkdtempSync(join(tmpdir(), "pagetrail-bench-record-"));
  const source = ["--conditions=pagetrail-source", "--import", import.meta.resolve("tsx")];
  const record = [
    process.execPath,
    ...source,
    path("apps/replay/src/main.ts"),
    "record",
    "-o",
    "r.ptlog",
    "--",
  ];
  const [alone, recorded]: [number[], number[]] = [[], []];
  try {
    seconds([], cwd);
    for (let i = 0; i < ROUNDS; i++) {
      alone.push(seconds([], cwd));
      recorded.push(seconds(record, cwd));
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
  const value = median(recorded) * 1000;
  const baseline = { name: "not recorded", value: median(alone) * 1000 };
  const note = "gcc -O2 of one file, under strace as record runs it; making the log comes behind it";
  const ratio = value / baseline.value;
  yield { name: "record", value, unit: "ms", baseline, ratio, bar: { atMost: MOST }, note };
}

export const RECORD: Measure = {
  name: "record",
  about: "what a compiler run takes while it is recorded",
  run: recordRows,
};
