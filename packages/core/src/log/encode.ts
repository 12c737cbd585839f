import { assert } from "../base/assert.ts";
import { type HasherFactory, hashText } from "./hasher.ts";
import { encodeHeader, type LogHeader, seqBefore } from "./header.ts";
import { LINE_LIMIT, toLine } from "./line.ts";
import { encodeSeal, makeSeal } from "./seal.ts";
import { SEGMENT_EVENTS, SEGMENT_TEXT } from "./segment.ts";
import { LOG_VERSION } from "./upgrade.ts";

/** Where a log stands: enough to write on behind it. */
export type LogPosition = {
  readonly version: number;
  /** The last seal's hash, or the header's. */
  readonly hash: string;
  /** The last sealed event. */
  readonly seq: number;
  /** The lines behind that seal, newlines included. */
  readonly open: readonly string[];
};

/** Turns events into the lines of a log. The caller writes every line down, in this order. */
export class LogEncoder {
  readonly #header: string;
  readonly #hash: HasherFactory;
  #previous: string;
  #seq: number;
  #events = 0;
  #lines = "";

  /** Starts a log, or goes on at `position`, which a decoder found at the end of one. */
  constructor(log: {
    readonly header: LogHeader;
    readonly hash: HasherFactory;
    readonly position?: LogPosition;
  }) {
    this.#hash = log.hash;
    this.#header = encodeHeader(log.header);
    this.#previous = log.position?.hash ?? hashText(log.hash, this.#header);
    this.#seq = log.position?.seq ?? seqBefore(log.header);
    if (log.position !== undefined) this.#resume(log.position);
  }

  #resume({ version, open }: LogPosition): void {
    assert(
      version === LOG_VERSION,
      `a log of version ${version} cannot be continued in version ${LOG_VERSION}`,
    );
    this.#lines = open.join("");
    this.#events = open.length;
    this.#seq += open.length;
  }

  /** The last event that was encoded. */
  get seq(): number {
    return this.#seq;
  }

  /** The first line, which comes before all events. */
  header(): string {
    return this.#header;
  }

  /** The event's line. Its first member is `seq`, one more than the last event's. */
  event(event: { readonly seq: number }): string {
    assert(!this.due(), "a full segment is sealed before the next event");
    const line = toLine(event);
    const seq = this.#seq + 1;
    const begin = `{"seq":${seq}`;
    const behind = line[begin.length];
    assert(
      line.startsWith(begin) && (behind === "," || behind === "}"),
      `event ${seq} has its seq as first member, not ${line.slice(0, begin.length + 1)}`,
    );
    assert(line.length <= LINE_LIMIT, `event ${seq} has ${line.length} characters; a line has ${LINE_LIMIT}`);
    this.#seq = seq;
    this.#events += 1;
    this.#lines += line;
    return line;
  }

  /** Whether the segment is full, so that `seal` must come next. */
  due(): boolean {
    return this.#events >= SEGMENT_EVENTS || this.#lines.length >= SEGMENT_TEXT;
  }

  /** Closes the segment; `state` is a digest of the model's state behind its last event. */
  seal(state: string): string {
    return this.#close(state, false);
  }

  /** Closes the last segment, also a short or empty one, and marks that the log was not cut off there. */
  finish(state: string): string {
    return this.#close(state, true);
  }

  #close(state: string, end: boolean): string {
    const claim = { seq: this.#seq, events: this.#events, state, end };
    const seal = makeSeal({ previous: this.#previous, lines: this.#lines, claim }, this.#hash);
    this.#previous = seal.sha256;
    this.#events = 0;
    this.#lines = "";
    return encodeSeal(seal);
  }
}
