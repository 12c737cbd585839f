import { type Recorded, RecordImporter, type RecordImportOptions } from "../record-importer.ts";
import type { ImportSummary } from "../sink.ts";
import { Tally } from "../tally.ts";
import { PerfAssembler } from "./assembler.ts";
import { PerfReader } from "./text/index.ts";

/** Imports the text of perf script: chunks in, events out, in bounded memory. */
export class PerfImporter {
  readonly #reader = new PerfReader();
  readonly #tally = new Tally();
  readonly #assembler = new PerfAssembler(this.#tally);
  readonly #importer: RecordImporter;

  constructor(options: RecordImportOptions) {
    this.#importer = new RecordImporter(options, this.#tally, { format: "perf" });
  }

  /** Why the recording as a whole cannot be modelled; undefined while it can. */
  get refusal(): string | undefined {
    return this.#importer.refusal;
  }

  /** @param chunk bytes of the text, one character each */
  push(chunk: string): void {
    this.#importer.push(this.#assembler.feed(this.#reader.push(chunk)));
  }

  end(): ImportSummary {
    this.#importer.push(this.#lastRecords());
    this.#importer.end();
    return this.#tally.summary(this.#reader.lines);
  }

  /** What the text still holds at its end; what cannot be read of it was cut off. */
  *#lastRecords(): Generator<Recorded> {
    for (const record of this.#assembler.feed(this.#reader.end())) {
      if (record.kind === "unreadable") this.#tally.cut(record);
      yield record;
    }
    yield* this.#assembler.end();
  }
}
