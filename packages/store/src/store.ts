import {
  BrokenInvariant,
  fail,
  type LogEnd,
  type LogFault,
  type LogHeader,
  type LogItem,
  type LogRefusal,
  ok,
  type Result,
  type TornTail,
} from "@pagetrail/core";
import type { LogWriter } from "./log-writer.ts";

/** What can be wrong with a log where it is kept, besides its text. */
export type StoreFault = LogFault | "exists" | "missing" | "locked" | "packed" | "full" | "storage";

export type StoreRefusal = LogRefusal<StoreFault>;

export type StoreItem = LogItem<StoreFault>;

/** What was found when a log was opened to go on with it. */
export type Recovery = {
  readonly header: LogHeader;
  /** The last whole event: the next one is one more. */
  readonly seq: number;
  /** Whether its last writer had finished it. */
  readonly finished: boolean;
  /** What an interrupted write had left, and is gone now. */
  readonly torn?: TornTail;
};

/** A writer behind the end of a log that was there. */
export type Reopened<Writer extends LogWriter = LogWriter> = {
  readonly writer: Writer;
  readonly recovery: Recovery;
};

/** A place where logs live under names, one writer at a time for each. */
export interface LogStore {
  /** Begins a log, which appears under its name when it is finished, and not before. */
  create(
    name: string,
    header: LogHeader,
    options?: { readonly overwrite?: boolean },
  ): Result<LogWriter, StoreRefusal>;
  /** Goes on with a log that is there; a torn tail is dropped, a damaged log is refused. */
  append(name: string): Result<Reopened, StoreRefusal>;
  /** Reads a log from its beginning, also while it is written; ends with one `end` or `refused` item. */
  read(name: string): Iterable<StoreItem>;
}

/** Reads a log to its end, for a writer that goes on with it. */
export function findEnd(
  items: Iterable<StoreItem>,
): Result<{ readonly header: LogHeader; readonly end: LogEnd }, StoreRefusal> {
  let header: LogHeader | undefined;
  for (const item of items) {
    if (item.kind === "header") header = item.header;
    if (item.kind === "refused") return fail(item.refusal);
    if (item.kind === "end" && header !== undefined) return ok({ header, end: item.end });
  }
  throw new BrokenInvariant("a log's items begin with its header and end with its end or a refusal");
}

export function recovery(header: LogHeader, { seq, finished, torn }: LogEnd): Recovery {
  return { header, seq, finished, ...(torn === undefined ? {} : { torn }) };
}
