/** A longer line cannot be strace's in any sane use; keeping it would let one line fill the memory. */
export const MAX_LINE = 8 * 1024 * 1024;
/** How much of an overlong line is kept, to show it. */
const KEPT = 200;

export interface LineSink {
  line(text: string): void;
  /** A line above `MAX_LINE` characters; `head` is how it begins. */
  overlong(head: string): void;
}

/**
 * A copy that does not keep the chunk alive of which it is a part, for text that outlives its line: engines
 * represent a slice by a reference to the whole.
 */
export const detach = (text: string): string => JSON.parse(JSON.stringify(text));

/** Cuts chunks of text into lines ("\n" or "\r\n"), in memory bounded by one line. */
export class LineSplitter {
  readonly #sink: LineSink;
  #carry = "";
  #skipping = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(chunk: string): void {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      this.#take(chunk.slice(start, end));
      this.#finish();
      start = end + 1;
    }
    if (start < chunk.length) this.#take(chunk.slice(start));
  }

  /** The text has ended, perhaps without a last line break. */
  end(): void {
    if (this.#carry !== "") this.#finish();
  }

  #take(part: string): void {
    if (this.#skipping) return;
    this.#carry = this.#carry === "" ? part : this.#carry + part;
    if (this.#carry.length <= MAX_LINE) return;
    this.#skipping = true;
    this.#carry = this.#carry.slice(0, KEPT);
  }

  #finish(): void {
    const text = this.#carry;
    const overlong = this.#skipping;
    this.#carry = "";
    this.#skipping = false;
    if (overlong) this.#sink.overlong(text);
    else this.#sink.line(text.endsWith("\r") ? text.slice(0, -1) : text);
  }
}
