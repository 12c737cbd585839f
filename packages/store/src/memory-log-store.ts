import { done, fail, LogDecoder, LogEncoder, type LogHeader, ok, type Result } from "@pagetrail/core";
import { type LineSink, LogWriter } from "./log-writer.ts";
import { sha256 } from "./sha256.ts";
import {
  findEnd,
  type LogStore,
  type Reopened,
  recovery,
  type StoreItem,
  type StoreRefusal,
} from "./store.ts";

/** Keeps logs as text in memory, for tests and for logs that nobody wants to keep. */
export class MemoryLogStore implements LogStore {
  /** The text of each log, which a test may damage. */
  readonly texts = new Map<string, string>();
  readonly #writing = new Set<string>();

  create(
    name: string,
    header: LogHeader,
    { overwrite = false }: { readonly overwrite?: boolean } = {},
  ): Result<LogWriter, StoreRefusal> {
    if (this.texts.has(name) && !overwrite) {
      return refuse(name, { fault: "exists", what: "there is a log of this name already" });
    }
    if (this.#writing.has(name)) return this.#locked(name);
    const encoder = new LogEncoder({ header, hash: sha256 });
    let text = encoder.header();
    const sink = this.#sink(name, {
      write: (line) => {
        text += line;
      },
      close: () => {
        this.texts.set(name, text);
      },
    });
    return ok(new LogWriter(encoder, sink));
  }

  append(name: string): Result<Reopened, StoreRefusal> {
    const text = this.texts.get(name);
    if (text === undefined) return missing(name);
    if (this.#writing.has(name)) return this.#locked(name);
    const found = findEnd(this.read(name));
    if (!found.ok) return found;
    const { header, end } = found.value;
    this.texts.set(name, text.slice(0, text.length - tornLength(text, end.torn !== undefined)));
    const write = (line: string): void => {
      this.texts.set(name, (this.texts.get(name) ?? "") + line);
    };
    const encoder = new LogEncoder({ header, hash: sha256, position: end.position });
    const writer = new LogWriter(encoder, this.#sink(name, { write, close: () => undefined }));
    return ok({ writer, recovery: recovery(header, end) });
  }

  *read(name: string): Generator<StoreItem, void> {
    const text = this.texts.get(name);
    if (text === undefined) {
      yield { kind: "refused", refusal: missing(name).error };
      return;
    }
    const decoder = new LogDecoder({ hash: sha256 });
    for (const item of [...decoder.push(text), ...decoder.end()]) {
      if (item.kind !== "refused") yield item;
      else
        yield { kind: "refused", refusal: { ...item.refusal, where: { file: name, ...item.refusal.where } } };
    }
  }

  #sink(name: string, into: { write(line: string): void; close(): void }): LineSink {
    this.#writing.add(name);
    return {
      write: (line) => {
        into.write(line);
        return done;
      },
      commit: () => done,
      close: () => {
        into.close();
        this.#writing.delete(name);
        return done;
      },
      discard: () => {
        this.#writing.delete(name);
      },
    };
  }

  #locked(name: string): Result<never, StoreRefusal> {
    return refuse(name, { fault: "locked", what: "another writer is writing this log" });
  }
}

/** The length of the last line, which may have its newline. */
function tornLength(text: string, torn: boolean): number {
  return torn ? text.length - 1 - text.lastIndexOf("\n", text.length - 2) : 0;
}

function missing(name: string): { readonly ok: false; readonly error: StoreRefusal } {
  return refuse(name, { fault: "missing", what: "there is no such log" });
}

function refuse(
  name: string,
  { fault, what }: Pick<StoreRefusal, "fault" | "what">,
): { readonly ok: false; readonly error: StoreRefusal } {
  return fail({ fault, what, where: { file: name }, advice: "choose another name" });
}
