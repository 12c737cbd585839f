import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { decodeEvent, encodeEvent, encodeProfile, hashText, StateDigest } from "@pagetrail/core";
import { FileLogWriter, readLog, sha256 } from "@pagetrail/store";
import { must } from "./must.ts";
import { type ImportedRecording, importRecording, RECORDING } from "./recording.ts";
import type { Measure, Row } from "./row.ts";
import { time } from "./timing.ts";

const ROUNDS = 9;
const APPEND_ROUNDS = 3;

/** Writes a log as an import does: sealed with digests of the states, on the disk at its end. */
function writeLog(path: string, { profile, events, states }: ImportedRecording): void {
  const digest = new StateDigest((text) => hashText(sha256, text));
  const header = { producer: "bench", profile: encodeProfile(profile), source: {} };
  const writer = must(FileLogWriter.create(path, header, { overwrite: true, sync: "end" }));
  let state = states[0];
  for (const [i, event] of events.entries()) {
    state = states[i];
    must(writer.event(encodeEvent(event)));
    if (state && writer.due()) must(writer.seal(digest.of(state)));
  }
  must(writer.finish(state ? digest.of(state) : ""));
}

function readBack(path: string): number {
  let events = 0;
  for (const item of readLog(path)) {
    if (item.kind === "refused") throw new Error(`the log was refused: ${item.refusal.what}`);
    if (item.kind !== "event") continue;
    must(decodeEvent(item.event));
    events += 1;
  }
  return events;
}

/** Runs with the recording's log in a folder that is gone afterwards. */
function* withLog(rows: (path: string, recording: ImportedRecording) => Iterable<Row>): Iterable<Row> {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-bench-"));
  try {
    const recording = importRecording();
    const path = join(folder, "log.ptlog");
    writeLog(path, recording);
    yield* rows(path, recording);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rate = (count: number, ms: number): number => (count / ms) * 1000;

function* writeRows(path: string, recording: ImportedRecording): Iterable<Row> {
  const ms = time(() => () => writeLog(path, recording), ROUNDS);
  const note = `the ${recording.events.length} events of ${RECORDING}, sealed with state digests`;
  yield { name: "log-write", value: rate(recording.events.length, ms), unit: "events/s", note };
}

/** Events a second that an append is to take, with each segment on the disk, and with each event. */
const APPENDS = [
  { sync: "seals", count: 200_000, wanted: 300_000 },
  { sync: "events", count: 2_000, wanted: 500 },
] as const;

function* appendRows(): Iterable<Row> {
  const { profile, events } = importRecording();
  const lines = events.map(encodeEvent);
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-bench-"));
  try {
    for (const { sync, count, wanted } of APPENDS) {
      const path = join(folder, `${sync}.ptlog`);
      const header = { producer: "bench", profile: encodeProfile(profile), source: {} };
      must(must(FileLogWriter.create(path, header)).finish(""));
      const { writer } = must(FileLogWriter.append(path, { sync }));
      const ms = time(
        () => () => {
          for (let i = 0; i < count; i++) {
            must(writer.event({ ...lines[i % lines.length], seq: writer.seq + 1 }));
            if (writer.due()) must(writer.seal(""));
          }
        },
        APPEND_ROUNDS,
      );
      writer.abort();
      const value = rate(count, ms);
      const note = `the ratio is of ${wanted.toLocaleString("en")} events/s to the value`;
      yield {
        name: `log-append-${sync}`,
        value,
        unit: "events/s",
        ratio: wanted / value,
        bar: { atMost: 1 },
        note,
      };
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* readRows(path: string, { events }: ImportedRecording): Iterable<Row> {
  if (readBack(path) !== events.length) throw new Error("the log does not hold what was written");
  const ms = time(() => () => readBack(path), ROUNDS);
  yield { name: "log-read", value: rate(events.length, ms), unit: "events/s" };
}

function* sizeRows(path: string, { events }: ImportedRecording): Iterable<Row> {
  const bytes = readFileSync(path);
  const value = bytes.length / events.length;
  const note = `the log of ${RECORDING}, header and seals included`;
  yield { name: "log-bytes", value, unit: "bytes/event", note };
  const packed = gzipSync(bytes).length / events.length;
  const baseline = { name: "as text", value };
  yield { name: "log-bytes-gzip", value: packed, unit: "bytes/event", baseline, ratio: packed / value };
}

export const LOG: readonly Measure[] = [
  {
    name: "log-append",
    about: "events a second appended with each segment, or each event, on the disk",
    run: appendRows,
  },
  { name: "log-write", about: "events a second into a sealed log file", run: () => withLog(writeRows) },
  { name: "log-read", about: "events a second out of it, seals checked", run: () => withLog(readRows) },
  { name: "log-bytes", about: "bytes an event, as text and packed", run: () => withLog(sizeRows) },
];
