import { processRecords, type ShownProcess } from "../maps/snapshot.ts";
import { type Recorded, RecordImporter, type RecordImportOptions } from "../record-importer.ts";
import type { ImportSummary } from "../sink.ts";
import { Tally } from "../tally.ts";
import { StraceReader, type StraceRecord } from "./text/index.ts";

/** Imports the text of strace: chunks in, events out, in bounded memory. */
export class StraceImporter {
  readonly #reader: StraceReader;
  readonly #tally = new Tally();
  readonly #importer: RecordImporter;

  #before: readonly Recorded[];
  readonly #since: number;

  constructor({ defaultTid, before = [], since = Number.NEGATIVE_INFINITY, ...options }: ImportOptions) {
    this.#since = since;
    this.#reader = new StraceReader(defaultTid === undefined ? {} : { defaultTid });
    this.#importer = new RecordImporter(options, this.#tally, { format: "strace" }, false);
    this.#before = before.flatMap((one) => [...processRecords(one)]);
  }

  /** Why the trace as a whole cannot be modelled; undefined while it can. Nothing is imported after that. */
  get refusal(): string | undefined {
    return this.#importer.refusal;
  }

  /** @param chunk bytes of the trace, one character each */
  push(chunk: string): void {
    const records = this.#reader.push(chunk);
    const later = records.filter((r) => r.kind !== "call" || (r.time ?? this.#since) >= this.#since);
    this.#importer.push([...this.#takeBefore(), ...later]);
  }

  end(): ImportSummary {
    this.#importer.push([...this.#takeBefore(), ...lastRecords(this.#reader, this.#tally)]);
    this.#importer.end();
    return this.#tally.summary(this.#reader.lines);
  }

  #takeBefore(): readonly Recorded[] {
    const before = this.#before;
    this.#before = [];
    return before;
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
  /** Processes that ran already when strace attached to them, as /proc showed them then. */
  readonly before?: readonly ShownProcess[];
  /** When that was, in seconds: what calls did before then it shows already. */
  readonly since?: number;
}
