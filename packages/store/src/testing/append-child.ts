import { writeSync } from "node:fs";
import { FileLogWriter } from "../file-log-writer.ts";
import { eventAt } from "./event-fixture.ts";

/** A process that appends to a log until it is killed, and prints the seq of every seal it was granted. */
const opened = FileLogWriter.append(process.argv[2] ?? "", { sync: "end" });
if (!opened.ok) throw new Error(opened.error.what);
const { writer } = opened.value;
const clock = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  for (let count = 0; count < 30; count += 1) writer.event(eventAt(writer.seq + 1));
  if (!writer.seal("s").ok) throw new Error("no seal");
  writeSync(1, `${writer.seq}\n`);
  Atomics.wait(clock, 0, 0, 1);
}
