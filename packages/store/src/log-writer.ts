import { assert, type LogEncoder, type Result } from "@pagetrail/core";
import type { StoreRefusal } from "./store.ts";

/** Where a writer's lines go. After a refusal every later call gives the same refusal. */
export interface LineSink {
  /** Takes a line; it may stay in memory for a while. */
  write(line: string): Result<undefined, StoreRefusal>;
  /** Makes every line so far visible to readers, and durable if that is the sink's policy. */
  commit(): Result<undefined, StoreRefusal>;
  /** Puts the log in its place, and lets others write it. */
  close(): Result<undefined, StoreRefusal>;
  /** Lets go. A log that was being created is gone, one that was continued keeps what was committed. */
  discard(): void;
}

/**
 * Writes one log, event by event. When `due()`, the caller seals before the next event.
 *
 * After a refusal the log can only be aborted.
 */
export class LogWriter {
  readonly #encoder: LogEncoder;
  readonly #sink: LineSink;
  #closed = false;

  constructor(encoder: LogEncoder, sink: LineSink) {
    this.#encoder = encoder;
    this.#sink = sink;
  }

  /** The last event that was given. */
  get seq(): number {
    return this.#encoder.seq;
  }

  due(): boolean {
    return this.#encoder.due();
  }

  /** Takes the event behind the last; it is safe from a dying process once it is sealed. */
  event(event: { readonly seq: number }): Result<undefined, StoreRefusal> {
    assert(!this.#closed, "a closed log takes no events");
    return this.#sink.write(this.#encoder.event(event));
  }

  /** Seals what was written; `state` is a digest of the model's state there. */
  seal(state: string): Result<undefined, StoreRefusal> {
    assert(!this.#closed, "a closed log takes no seals");
    const written = this.#sink.write(this.#encoder.seal(state));
    return written.ok ? this.#sink.commit() : written;
  }

  /** Seals the last segment as the end, and closes the log. */
  finish(state: string): Result<undefined, StoreRefusal> {
    assert(!this.#closed, "a closed log is not finished again");
    const written = this.#sink.write(this.#encoder.finish(state));
    if (!written.ok) return written;
    const closed = this.#sink.close();
    if (closed.ok) this.#closed = true;
    return closed;
  }

  /** Gives up: a new log leaves nothing behind, a continued one what was sealed. Harmless when closed. */
  abort(): void {
    if (!this.#closed) this.#sink.discard();
    this.#closed = true;
  }
}
