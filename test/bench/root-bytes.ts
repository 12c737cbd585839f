import { childNumber } from "./child.ts";
import type { Measure, Row } from "./row.ts";

function* rootRows(): Iterable<Row> {
  const bytes = (what: string): number => childNumber("root-bytes-child.ts", [what], ["--expose-gc"]);
  const value = bytes("states");
  const baseline = { name: "copy of the plain maps", value: bytes("copies") };
  const note = "1,000 VMAs, one of them changed between a state and the next";
  yield { name: "root-bytes", value, unit: "bytes/state", baseline, ratio: value / baseline.value, note };
}

export const ROOT_BYTES: Measure = {
  name: "root-bytes",
  about: "memory that a kept state costs",
  run: rootRows,
};
