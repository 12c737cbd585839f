import { Interrupted, type Io } from "./io.ts";
import type { LoadedLog } from "./open-log.ts";
import { explain, type Problem } from "./problem.ts";
import { Progress } from "./progress.ts";
import { type ColorChoice, PLAIN, type Style, styleFor } from "./text/style.ts";

const BUFFER = 64 * 1024;

/** Where a command puts its data and its words: data on stdout in large pieces, all else on stderr. */
export class Output {
  readonly #io: Io;
  readonly #logs = new Map<string, LoadedLog>();
  #pieces: string[] = [];
  #length = 0;
  #style: Style = PLAIN;
  #partial = false;
  #paged = false;

  constructor(io: Io) {
    this.#io = io;
  }

  /** Has a log at hand for every command that opens it: that of a debugger, which runs many. */
  keep(path: string, log: LoadedLog): void {
    this.#logs.set(path, log);
  }

  kept(path: string): LoadedLog | undefined {
    return this.#logs.get(path);
  }

  /** An output that puts data on stderr too: for what is said of a program whose data is on stdout. */
  besides(): Output {
    const { stderr, env } = this.#io;
    const io = this.#io;
    return new Output({
      stdout: { isTTY: stderr.isTTY, write: (text) => stderr.write(text), writeBytes: () => undefined },
      stderr,
      env,
      get interrupted() {
        return io.interrupted;
      },
    });
  }

  /** From here on data is held until the end, and then shown by a pager where it is longer than the screen. */
  usePager(): void {
    this.#paged = this.#io.page !== undefined;
  }

  get style(): Style {
    return this.#style;
  }

  setColor(choice: ColorChoice): void {
    this.#style = styleFor(choice, this.#io.stdout, this.#io.env);
  }

  write(text: string): void {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length >= BUFFER && !this.#paged) this.flush();
  }

  line(text = ""): void {
    this.write(`${text}\n`);
  }

  lines(texts: Iterable<string>): void {
    for (const text of texts) this.line(text);
  }

  /** One JSON document, the output of --json. */
  document(members: Readonly<Record<string, unknown>>): void {
    this.line(JSON.stringify({ schema: 1, ...members }, null, 2));
  }

  /** Data that is no text, behind what was written before it. */
  bytes(bytes: Uint8Array): void {
    this.flush();
    this.#io.stdout.writeBytes(bytes);
  }

  flush(): void {
    if (this.#length === 0) return;
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    if (!this.#paged || this.#io.page?.(text) !== true) this.#io.stdout.write(text);
  }

  /** Says something that is no data: what is shown, a warning. */
  note(text: string): void {
    this.#io.stderr.write(`pagetrail: ${text}\n`);
  }

  /** Warns that only a part of the input could be used: the exit code says so too. */
  partial(text: string): void {
    this.#partial = true;
    this.note(text);
  }

  get isPartial(): boolean {
    return this.#partial;
  }

  problem(problem: Problem): void {
    this.flush();
    this.note(explain(problem));
  }

  /** Help that was not asked for, and the text of a mistake of ours. */
  error(text: string): void {
    this.#io.stderr.write(text);
  }

  /** Aborts on Ctrl-C, which does nothing else from now on. */
  get interrupted(): AbortSignal {
    return this.#io.interrupted;
  }

  /** A long piece of work, which shows how far it is and stops on Ctrl-C. */
  progress(verb: string): Progress {
    const { stderr, interrupted } = this.#io;
    return new Progress(verb, stderr, () => {
      if (interrupted.aborted) throw new Interrupted();
    });
  }
}
