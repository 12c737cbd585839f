import type { LogPosition } from "./encode.ts";
import { type HasherFactory, hashText } from "./hasher.ts";
import { type DecodedHeader, decodeHeader, type LogHeader, seqBefore } from "./header.ts";
import { LINE_LIMIT, utf8Length } from "./line.ts";
import type { LogFault, LogRefusal } from "./refusal.ts";
import { decodeSeal, isSealLine, makeSeal, type Seal, wasSeal } from "./seal.ts";
import { type LogEvent, parseEvents, SEGMENT_EVENTS, SEGMENT_TEXT_LIMIT } from "./segment.ts";
import { LOG_UPGRADES, type LogUpgrade, upgradeEvent } from "./upgrade.ts";

/** The last line, when an interrupted write left only its beginning. It is dropped. */
export type TornTail = {
  readonly line: number;
  readonly bytes: number;
  /** At most the first 200 characters. */
  readonly text: string;
};

/** How a log ends. */
export type LogEnd = {
  /** Whether the writer finished here; otherwise it was stopped, or still writes. */
  readonly finished: boolean;
  /** The last whole event, sealed or not. */
  readonly seq: number;
  readonly segments: number;
  readonly torn?: TornTail;
  readonly position: LogPosition;
};

/**
 * What a log consists of, in this order: the header, then events and seals, and at last either the end
 * or a refusal. `sealed` says that a seal vouches for the bytes; it is false only in the open tail.
 */
export type LogItem<Fault extends string = LogFault> =
  | {
      readonly kind: "header";
      readonly header: LogHeader;
      readonly version: number;
      /** Of its line, newline included: what the first seal is chained to. */
      readonly hash: string;
      readonly sealed: boolean;
    }
  | { readonly kind: "event"; readonly event: LogEvent; readonly line: number; readonly sealed: boolean }
  | { readonly kind: "seal"; readonly seal: Seal; readonly line: number; readonly segment: number }
  | { readonly kind: "end"; readonly end: LogEnd }
  | { readonly kind: "refused"; readonly refusal: LogRefusal<Fault> };

const TORN_TEXT = 200;

/**
 * Reads the text of a log, in chunks cut anywhere, and checks it.
 *
 * The header and a segment's events are handed out once a seal vouches for them, so at most one segment
 * is held back; what has no seal yet comes at the end. After a refusal nothing more is read.
 */
export class LogDecoder {
  readonly #hash: HasherFactory;
  readonly #upgrades: readonly LogUpgrade[];
  #header: DecodedHeader | undefined;
  #headerGiven = false;
  #over = false;
  #finished = false;
  /** The beginning of a line whose newline has not come yet. */
  #pieces: string[] = [];
  #piecesLength = 0;
  #line = 0;
  /** The line of the last seal, or of the header. */
  #sealLine = 0;
  /** The lines behind the last seal. */
  #open: string[] = [];
  #openLength = 0;
  #previous = "";
  #headerHash = "";
  #seq = 0;
  #segments = 0;

  constructor(log: { readonly hash: HasherFactory; readonly upgrades?: readonly LogUpgrade[] }) {
    this.#hash = log.hash;
    this.#upgrades = log.upgrades ?? LOG_UPGRADES;
  }

  /** Takes the next chunk, and gives what it completes. */
  push(chunk: string): readonly LogItem[] {
    const items: LogItem[] = [];
    let from = 0;
    while (!this.#over) {
      const newline = chunk.indexOf("\n", from);
      if (newline < 0) break;
      this.#keep(chunk.slice(from, newline), items);
      if (!this.#over) this.#takeLine(this.#takePieces(), items);
      from = newline + 1;
    }
    if (!this.#over) this.#keep(chunk.slice(from), items);
    return items;
  }

  /** Says that no more chunks come; gives the open tail and how the log ends. */
  end(): readonly LogItem[] {
    if (this.#over) return [];
    this.#over = true;
    const items: LogItem[] = [];
    const rest = this.#takePieces();
    if (this.#header === undefined) this.#endInHeader(rest, items);
    else this.#endInTail(rest, items);
    return items;
  }

  #keep(piece: string, items: LogItem[]): void {
    if (piece === "") return;
    this.#pieces.push(piece);
    this.#piecesLength += piece.length;
    if (this.#piecesLength <= LINE_LIMIT) return;
    this.#pieces = [];
    this.#refuse(items, { what: `the line is longer than ${LINE_LIMIT} characters`, line: this.#line + 1 });
  }

  #takePieces(): string {
    const [only = ""] = this.#pieces;
    const text = this.#pieces.length > 1 ? this.#pieces.join("") : only;
    this.#pieces = [];
    this.#piecesLength = 0;
    return text;
  }

  #takeLine(line: string, items: LogItem[]): void {
    this.#line += 1;
    if (this.#header === undefined) this.#takeHeader(line, items);
    else if (isSealLine(line)) this.#takeSeal(line, this.#header, items);
    else this.#takeEvent(line, items);
  }

  #takeHeader(line: string, items: LogItem[]): void {
    const decoded = decodeHeader(line, this.#upgrades);
    if (!decoded.ok) {
      this.#over = true;
      items.push({ kind: "refused", refusal: decoded.error });
      return;
    }
    this.#header = decoded.value;
    this.#sealLine = this.#line;
    this.#headerHash = hashText(this.#hash, line, "\n");
    this.#previous = this.#headerHash;
    this.#seq = seqBefore(decoded.value.header);
  }

  #takeEvent(line: string, items: LogItem[]): void {
    this.#open.push(line);
    this.#openLength += line.length;
    if (this.#open.length <= SEGMENT_EVENTS && this.#openLength <= SEGMENT_TEXT_LIMIT) return;
    const { bad } = parseEvents(this.#open, this.#seq + 1);
    this.#refuse(items, {
      what: bad?.what ?? "the seal that should have come before this line is missing",
      line: bad === undefined ? this.#line : this.#lineOf(bad.index),
    });
  }

  #takeSeal(line: string, header: DecodedHeader, items: LogItem[]): void {
    const seal = decodeSeal(line);
    const { events, bad } = parseEvents(this.#open, this.#seq + 1);
    const lastSeq = seal?.seq ?? this.#seq + this.#open.length;
    if (bad !== undefined) {
      this.#refuse(items, { what: bad.what, line: this.#lineOf(bad.index), lastSeq });
    } else if (seal === undefined) {
      this.#refuse(items, { what: "the seal is not spelled as a seal is", line: this.#line, lastSeq });
    } else if (!this.#vouches(seal)) {
      this.#refuse(items, { what: this.#mismatch(), line: this.#line, lastSeq });
    } else {
      this.#segments += 1;
      this.#giveOpen(header, events, { sealed: true, items });
      items.push({ kind: "seal", seal, line: this.#line, segment: this.#segments });
      this.#previous = seal.sha256;
      this.#seq = seal.seq;
      this.#sealLine = this.#line;
      this.#finished = seal.end;
      this.#open = [];
      this.#openLength = 0;
    }
  }

  #vouches(seal: Seal): boolean {
    if (seal.events !== this.#open.length || seal.seq !== this.#seq + this.#open.length) return false;
    const lines = this.#open.length === 0 ? "" : `${this.#open.join("\n")}\n`;
    return makeSeal({ previous: this.#previous, lines, claim: seal }, this.#hash).sha256 === seal.sha256;
  }

  #mismatch(): string {
    const events = this.#open.length === 0 ? "" : `lines ${this.#lineOf(0)} to ${this.#line - 1}, or `;
    const header = this.#segments === 0 ? "the header, or " : "";
    return `the seal does not fit: ${header}${events}the seal itself, were altered`;
  }

  #giveOpen(
    { header, version, upgrades }: DecodedHeader,
    events: readonly LogEvent[],
    { sealed, items }: { readonly sealed: boolean; readonly items: LogItem[] },
  ): void {
    if (!this.#headerGiven) items.push({ kind: "header", header, version, hash: this.#headerHash, sealed });
    this.#headerGiven = true;
    const first = this.#lineOf(0);
    for (const [index, written] of events.entries()) {
      const event =
        upgrades.length === 0 ? written : { ...upgradeEvent(written, upgrades), seq: written.seq };
      items.push({ kind: "event", event, line: first + index, sealed });
    }
  }

  #endInHeader(rest: string, items: LogItem[]): void {
    const decoded = decodeHeader(rest, this.#upgrades);
    const unlike = !decoded.ok && decoded.error.fault !== "damaged";
    const refusal: LogRefusal = unlike
      ? decoded.error
      : {
          fault: "damaged",
          what: "the log ends inside its header",
          where: { line: 1 },
          advice: "nothing was recorded; make the log again",
        };
    items.push({ kind: "refused", refusal });
  }

  #endInTail(rest: string, items: LogItem[]): void {
    const { events, bad } = parseEvents(this.#open, this.#seq + 1);
    const last = this.#open[events.length];
    const tornLine = bad !== undefined && !bad.json && last !== undefined && this.#isLast(bad.index, rest);
    if (bad !== undefined && (!tornLine || wasSeal(last, true))) {
      this.#refuse(items, { what: bad.what, line: this.#lineOf(bad.index) });
    } else if (wasSeal(rest, false)) {
      this.#refuse(items, { what: "the newline behind the seal was altered", line: this.#line + 1 });
    } else if (tornLine) {
      this.#giveTail(events, { torn: last, bytes: utf8Length(last) + 1 }, items);
    } else {
      this.#giveTail(events, { torn: rest, bytes: utf8Length(rest) }, items);
    }
  }

  #isLast(index: number, rest: string): boolean {
    return rest === "" && index === this.#open.length - 1;
  }

  #giveTail(
    events: readonly LogEvent[],
    { torn, bytes }: { readonly torn: string; readonly bytes: number },
    items: LogItem[],
  ): void {
    if (this.#header === undefined) return;
    const { version } = this.#header;
    this.#giveOpen(this.#header, events, { sealed: false, items });
    const open = this.#open.slice(0, events.length).map((line) => `${line}\n`);
    const line = this.#lineOf(events.length);
    const end: LogEnd = {
      finished: this.#finished && open.length === 0 && bytes === 0,
      seq: this.#seq + events.length,
      segments: this.#segments,
      ...(bytes === 0 ? {} : { torn: { line, bytes, text: torn.slice(0, TORN_TEXT) } }),
      position: { version, hash: this.#previous, seq: this.#seq, open },
    };
    items.push({ kind: "end", end });
  }

  /** On which line of the log an open line stands. */
  #lineOf(index: number): number {
    return this.#sealLine + 1 + index;
  }

  #refuse(
    items: LogItem[],
    { what, line, lastSeq }: { readonly what: string; readonly line: number; readonly lastSeq?: number },
  ): void {
    this.#over = true;
    const where = {
      line,
      segment: this.#segments + 1,
      firstSeq: this.#seq + 1,
      lastSeq: lastSeq ?? this.#seq + this.#open.length,
    };
    const advice = `events up to ${this.#seq} are intact; restore the log from a copy, or import the recording again`;
    items.push({ kind: "refused", refusal: { fault: "damaged", what, where, advice } });
  }
}
