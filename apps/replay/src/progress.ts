import type { TextSink } from "./io.ts";

const BREATH = 40;
const SILENT = 1000;
const TERMINAL_PAUSE = 200;
const LINE_PAUSE = 5000;

/**
 * How far a long piece of work is. Says nothing in its first second; then renews a line on a terminal,
 * and elsewhere adds one every few seconds.
 */
export class Progress {
  readonly #started = Date.now();
  readonly #verb: string;
  readonly #sink: TextSink;
  readonly #checkpoint: () => void;
  #breathed = 0;
  #spoke = 0;
  #shown = 0;

  /** @param checkpoint called whenever signals have been let in; throws to stop the work */
  constructor(verb: string, sink: TextSink, checkpoint: () => void) {
    this.#verb = verb;
    this.#sink = sink;
    this.#checkpoint = checkpoint;
  }

  /** Call often; await what it returns, if anything: the first call lets signals in at once. `far` tells how far the work is. */
  tick(far: () => string): Promise<void> | undefined {
    const now = Date.now();
    if (now - this.#breathed < BREATH) return undefined;
    this.#breathed = now;
    this.#speak(now, far);
    return this.#breathe();
  }

  /** Takes the line off the terminal. */
  end(): void {
    if (this.#shown > 0) this.#sink.write(`\r${" ".repeat(this.#shown)}\r`);
    this.#shown = 0;
  }

  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      this.#checkpoint();
    } catch (stop) {
      this.end();
      throw stop;
    }
  }

  #speak(now: number, far: () => string): void {
    const pause = this.#sink.isTTY ? TERMINAL_PAUSE : LINE_PAUSE;
    if (now - this.#started < SILENT || now - this.#spoke < pause) return;
    if (this.#spoke === 0 && !this.#sink.isTTY && now - this.#started < LINE_PAUSE) return;
    this.#spoke = now;
    const text = `pagetrail: ${this.#verb}: ${far()}`;
    if (!this.#sink.isTTY) {
      this.#sink.write(`${text}\n`);
      return;
    }
    this.#sink.write(`\r${text.padEnd(this.#shown)}`);
    this.#shown = text.length;
  }
}
