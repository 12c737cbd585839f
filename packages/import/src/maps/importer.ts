import { fail, ok, type Pid, type Result } from "@pagetrail/core";
import { RecordImporter, type RecordImportOptions } from "../record-importer.ts";
import type { ImportSummary } from "../sink.ts";
import { Tally } from "../tally.ts";
import { parseMaps } from "./maps-text.ts";

/** Whose maps they are. */
export interface MapsOwner {
  readonly pid: number;
  readonly comm: string;
}

/** One text of a series. */
interface Part {
  /** Seconds. */
  readonly time: number | undefined;
  /** The line of its file on which it begins. */
  readonly line: number;
  readonly text: string;
}

/**
 * Imports texts of /proc/PID/maps or smaps: what each shows otherwise than the one before it is told, no call and
 * no order within. A text may hold several, each behind a line that begins with `#`; a number there is its time in
 * seconds.
 */
export class MapsImporter {
  readonly #tally = new Tally();
  readonly #importer: RecordImporter;
  readonly #owner: MapsOwner;
  #lines = 0;
  #begun = false;

  constructor({ owner, ...options }: RecordImportOptions & { readonly owner: MapsOwner }) {
    this.#owner = owner;
    this.#importer = new RecordImporter(options, this.#tally, { format: "maps" }, false);
  }

  /**
   * Takes one file. Refuses a line that is none of maps or smaps.
   *
   * @returns how many texts were in it
   */
  push(text: string): Result<number, { readonly line: number; readonly what: string }> {
    const { pid, comm } = this.#owner;
    const parts = partsOf(text);
    for (const { time, line, text: maps } of parts) {
      const memory = parseMaps(maps);
      if (!memory.ok) return fail({ ...memory.error, line: line + memory.error.line - 1 });
      if (!this.#begun)
        this.#importer.push([{ kind: "task", tid: pid, tgid: pid as Pid, comm, isWhole: true }]);
      this.#begun = true;
      const when = time === undefined ? {} : { time };
      this.#importer.push([{ kind: "snapshot", tid: pid, memory: memory.value, ...when }]);
    }
    this.#lines += text.split("\n").length - 1;
    return ok(parts.length);
  }

  end(): ImportSummary {
    this.#importer.end();
    return this.#tally.summary(this.#lines);
  }
}

function partsOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  let [first, time]: [number, number | undefined] = [1, undefined];
  let kept: string[] = [];
  const close = (): void => {
    if (kept.some((line) => line !== "")) parts.push({ time, line: first, text: kept.join("\n") });
    kept = [];
  };
  for (const [i, line] of text.split("\n").entries()) {
    if (!line.startsWith("#")) {
      kept.push(line);
      continue;
    }
    close();
    const [shown] = /\d+(\.\d+)?/.exec(line) ?? [];
    first = i + 2;
    time = shown === undefined ? undefined : Number(shown);
  }
  close();
  return parts;
}
