import { writeSync } from "node:fs";
import { FileLogWriter } from "@pagetrail/store";
import { granted, writeEvents } from "./events.ts";

/** Appends to a log until it is killed, and prints the number of the last event of every seal that it was granted. */
const { writer } = granted(FileLogWriter.append(process.argv[2] ?? "", { sync: "seals" }));
for (;;) {
  writeEvents(writer, 20);
  granted(writer.seal(`state ${writer.seq}`));
  writeSync(1, `${writer.seq}\n`);
}
