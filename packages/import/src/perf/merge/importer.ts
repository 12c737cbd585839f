import { RecordImporter } from "../../record-importer.ts";
import type { ImportSummary } from "../../sink.ts";
import { type ImportOptions, lastRecords } from "../../strace/importer.ts";
import { StraceReader, type StraceRecord } from "../../strace/text/index.ts";
import { Tally } from "../../tally.ts";
import { PerfAssembler } from "../assembler.ts";
import { PerfReader, type PerfRecord } from "../text/index.ts";
import { Interleaver } from "./interleaver.ts";

/**
 * Imports the text of strace together with the page faults of the same run, from the text of perf script.
 *
 * `wantsFaults` says which of the two is to be read on in, so that neither has to be kept as a whole.
 */
export class FaultedStraceImporter {
  readonly #calls: StraceReader;
  readonly #faults = new PerfReader();
  readonly #tally = new Tally();
  readonly #assembler = new PerfAssembler(this.#tally, false);
  readonly #interleaver = new Interleaver(this.#tally);
  readonly #importer: RecordImporter;

  constructor({ defaultTid, ...options }: ImportOptions) {
    this.#calls = new StraceReader(defaultTid === undefined ? {} : { defaultTid });
    this.#importer = new RecordImporter(options, this.#tally, { format: "strace", faults: "perf" });
  }

  /** Why the trace as a whole cannot be modelled; undefined while it can. */
  get refusal(): string | undefined {
    return this.#importer.refusal;
  }

  /** Why the faults cannot be put among the calls; undefined while they can. */
  get mismatch(): string | undefined {
    return this.#interleaver.refusal;
  }

  get wantsFaults(): boolean {
    return this.#interleaver.wantsFaults;
  }

  /** @param chunk bytes of the trace, one character each */
  push(chunk: string): void {
    this.#interleaver.calls(this.#calls.push(chunk));
    this.#importer.push(this.#interleaver.take());
  }

  /** @param chunk bytes of perf's text, one character each */
  pushFaults(chunk: string): void {
    this.#interleaver.faults(this.#assembler.feed(this.#readable(this.#faults.push(chunk))));
    this.#importer.push(this.#interleaver.take());
  }

  endFaults(): void {
    this.#interleaver.faults(this.#assembler.feed(this.#readable(this.#faults.end())));
    this.#interleaver.faults(this.#assembler.end());
    this.#interleaver.endFaults();
    this.#importer.push(this.#interleaver.take());
  }

  endCalls(): void {
    const records: readonly StraceRecord[] = lastRecords(this.#calls, this.#tally);
    this.#interleaver.calls(records);
    this.#interleaver.endCalls();
    this.#importer.push(this.#interleaver.take());
  }

  /** When both recordings have ended. */
  end(): ImportSummary {
    this.#importer.end();
    return this.#tally.summary(this.#calls.lines, this.#interleaver.fit);
  }

  /** What cannot be read of perf's text is counted here, where it is known which text that is. */
  *#readable(records: Iterable<PerfRecord>): Generator<PerfRecord> {
    for (const record of records) {
      if (record.kind === "unreadable") this.#tally.unreadable({ ...record, inFaults: true });
      else yield record;
    }
  }
}
