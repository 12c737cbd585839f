import { StraceReader } from "@pagetrail/import";
import { childNumber } from "./child.ts";
import { chunksOf, importerInto, RECORDING, recordingText } from "./recording.ts";
import type { Measure, Row } from "./row.ts";
import { alternate } from "./timing.ts";

const ROUNDS = 3;
const NO_SINK = { start: () => undefined, event: () => undefined };

function* importRows(): Iterable<Row> {
  const chunks = [...chunksOf(recordingText())];
  const lines = recordingText().split("\n").length - 1;
  const { all, text } = alternate(
    {
      all: () => () => {
        const importer = importerInto(NO_SINK);
        for (const chunk of chunks) importer.push(chunk);
        importer.end();
      },
      text: () => () => {
        const reader = new StraceReader();
        for (const chunk of chunks) reader.push(chunk);
        reader.end();
      },
    },
    ROUNDS,
  );
  const perSecond = (ms: number): number => (lines / ms) * 1000;
  const reader = { name: "text reader alone", value: perSecond(text) };
  const note = `${lines} lines of ${RECORDING}`;
  yield { name: "import", value: perSecond(all), unit: "lines/s", baseline: reader, ratio: text / all, note };
  yield { name: "import-text", value: reader.value, unit: "lines/s" };
}

const SMALL_MB = 20;
const LARGE_MB = 200;

function* memoryRows(): Iterable<Row> {
  const peak = (megabytes: number): number => childNumber("import-child.ts", [String(megabytes)]);
  const value = peak(LARGE_MB);
  const baseline = { name: `trace of ${SMALL_MB} MB`, value: peak(SMALL_MB) };
  const note = `peak resident memory while a trace of ${LARGE_MB} MB is imported`;
  yield { name: "import-memory", value, unit: "MB", baseline, ratio: value / baseline.value, note };
}

export const IMPORT: readonly Measure[] = [
  { name: "import", about: "lines a second of the strace importer, and of its text reader", run: importRows },
  { name: "import-memory", about: "memory of an import, for a small and a large trace", run: memoryRows },
];
