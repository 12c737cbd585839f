import { LineSplitter } from "../../lines.ts";
import type { StackFrame } from "../../strace/text/index.ts";
import { PID_MAX } from "../../strace/text/prefix.ts";
import { parseFrame } from "./frame.ts";
import { readHead } from "./head.ts";
import type { PerfMoment, PerfRecord, PerfSample } from "./record.ts";
import { readSideBand } from "./side-band.ts";

const SHOWN = 200;
/** perf records at most 127 frames unless told otherwise. */
const MAX_FRAMES = 1024;
/** perf's lines are short; one that is longer is damage. */
const MAX_LINE = 65_536;

/**
 * Reads the text of perf script, chunk by chunk, into records.
 *
 * Each char of a chunk is one byte (decode as latin1). Fields that its user left out (-F) are missing from the
 * records; a line without a tid cannot be used. The last sample is held back until it is clear that no more of
 * its call chain follows. Nothing throws, and no line is dropped but blank ones and the header's.
 */
export class PerfReader {
  #lines = 0;
  #unreadable = 0;
  #records: PerfRecord[] = [];
  /** The last sample, to which the frames on the lines behind it belong. */
  #held: (PerfSample & { stack?: StackFrame[] }) | undefined;
  readonly #splitter = new LineSplitter({
    line: (text) => this.#line(text),
    overlong: (head) => {
      this.#lines += 1;
      this.#giveUp(head, `the line is longer than perf script makes any: ${AGAIN}`);
    },
  });

  get lines(): number {
    return this.#lines;
  }

  get unreadable(): number {
    return this.#unreadable;
  }

  push(chunk: string): PerfRecord[] {
    this.#splitter.push(chunk);
    return this.#take();
  }

  end(): PerfRecord[] {
    this.#splitter.end();
    this.#release();
    return this.#take();
  }

  #take(): PerfRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  #line(text: string): void {
    this.#lines += 1;
    if (text.length > MAX_LINE) {
      this.#giveUp(text, `the line is longer than perf script makes any: ${AGAIN}`);
      return;
    }
    if (text.trim() === "") this.#release();
    else if (text.startsWith("#")) return;
    else if (text.startsWith("\t")) this.#frame(text);
    else this.#event(text);
  }

  #frame(text: string): void {
    const frame = parseFrame(text);
    if (!frame || !this.#held) {
      this.#giveUp(text, "a stack frame that belongs to no event: lines before it are missing");
      return;
    }
    this.#held.stack ??= [];
    if (this.#held.stack.length < MAX_FRAMES) this.#held.stack.push(frame);
  }

  #event(text: string): void {
    this.#release();
    const head = readHead(text);
    if (!head || head.tid > PID_MAX) {
      this.#giveUp(text, `no task and event as perf script prints them: ${AGAIN}`);
      return;
    }
    const { comm, pid, tid, cpu, time, period, event } = head;
    const moment: PerfMoment = {
      line: this.#lines,
      tid,
      ...(pid === undefined ? {} : { pid }),
      ...(comm === "" ? {} : { comm }),
      ...(cpu === undefined ? {} : { cpu }),
      ...(time === undefined ? {} : { time }),
    };
    const rest = text.slice(head.rest);
    if (event.startsWith(RECORD)) {
      const record = readSideBand(moment, event.slice(RECORD.length), rest);
      if (record) this.#records.push(record);
      else this.#giveUp(text, `a ${event} that makes no sense: ${AGAIN}`);
      return;
    }
    const sample = { ...moment, kind: "sample", event: plainName(event), text: rest.slice(1) } as const;
    this.#held = period === undefined ? sample : { ...sample, period };
  }

  #release(): void {
    if (this.#held) this.#records.push(this.#held);
    this.#held = undefined;
  }

  #giveUp(text: string, why: string): void {
    this.#release();
    this.#unreadable += 1;
    this.#records.push({ kind: "unreadable", line: this.#lines, text: text.slice(0, SHOWN), why });
  }
}

const RECORD = "PERF_RECORD_";
const AGAIN = "write it anew with perf script -F +tid,+time";

/** The event without its modifiers: `page-faults:u` is page-faults, `exceptions:page_fault_user:k` keeps its group. */
function plainName(event: string): string {
  const modified = /^(.*):[ukhIGHpPSDWeb]+$/.exec(event)?.[1];
  return modified ?? event;
}
