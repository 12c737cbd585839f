import { RecordImporter, type RecordImportOptions } from "../record-importer.ts";
import type { ImportSummary } from "../sink.ts";
import { Tally } from "../tally.ts";
import { StraceReader, type StraceRecord } from "./text/index.ts";

/** Imports the text of strace: chunks in, events out, in bounded memory. */
export class StraceImporter {
  readonly #reader: StraceReader;
  readonly #tally = new Tally();
  readonly #importer: RecordImporter;

  constructor({ defaultTid, ...options }: ImportOptions) {
    this.#reader = new StraceReader(defaultTid === undefined ? {} : { defaultTid });
    this.#importer = new RecordImporter(options, this.#tally, { format: "strace" });
  }

  /** Why the trace as a whole cannot be modelled; undefined while it can. Nothing is imported after that. */
  get refusal(): string | undefined {
    return this.#importer.refusal;
  }

  /** @param chunk bytes of the trace, one character each */
  push(chunk: string): void {
    this.#importer.push(this.#reader.push(chunk));
  }

  end(): ImportSummary {
    this.#importer.push(lastRecords(this.#reader, this.#tally));
    this.#importer.end();
    return this.#tally.summary(this.#reader.lines);
  }
}

/** What a trace still holds at its end; what cannot be read of it was cut off. */
export function lastRecords(reader: StraceReader, tally: Tally): readonly StraceRecord[] {
  const records = reader.end();
  for (const record of records) if (record.kind === "unreadable") tally.cut(record);
  return records;
}

export interface ImportOptions extends RecordImportOptions {
  /** The pid of lines that name none, as in the files of -ff. */
  readonly defaultTid?: number;
}
