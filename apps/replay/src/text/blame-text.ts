import {
  type BlameRange,
  type BlameStation,
  hex,
  type KernelState,
  type MmStruct,
  mapsLine,
  PAGE_SIZE,
  type PageBlame,
  pageAddress,
  permissions,
  type Timeline,
  type Vma,
  vmaName,
} from "@pagetrail/core";
import { EventText } from "./event-text.ts";
import type { Style } from "./style.ts";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { title: "RANGE" },
  { title: "PERM" },
  { title: "MADE", right: true },
  { title: "BY" },
  { title: "CHANGED", right: true },
  { title: "BY" },
  { title: "HOW" },
  { title: "NAME" },
];

/** `2,4,1` as maps has permissions. */
function permissionText(bits: number): string {
  const letter = (bit: number, text: string): string => (Math.floor(bits / bit) % 2 === 1 ? text : "-");
  return letter(1, "r") + letter(2, "w") + letter(4, "x") + (Math.floor(bits / 8) % 2 === 1 ? "s" : "p");
}

/** The last station that was more than a fork. */
const lastChange = ({ way }: BlameRange): BlameStation | undefined =>
  way.findLast(({ marks }) => !marks.includes("forked"));

/** Writes where ranges and pages come from, with the events that a log has. */
export class BlameText {
  readonly #timeline: Timeline;
  readonly #events: EventText;
  readonly #style: Style;
  #learnt = false;

  constructor(timeline: Timeline, style: Style) {
    this.#timeline = timeline;
    this.#events = new EventText(style);
    this.#style = style;
  }

  /** A line a range, as git blame has one a line of text; the innermost frame of who made it below it. */
  *table(
    state: KernelState,
    mm: MmStruct,
    blamed: readonly { readonly vma: Vma; readonly range: BlameRange }[],
  ): Generator<string> {
    const rows = blamed.map(({ vma, range }) => {
      const change = lastChange(range);
      return [
        `${pageAddress(range.start)}-${pageAddress(range.end)}`,
        permissions(vma),
        String(range.created.seq),
        this.#call(range.created.seq),
        change ? String(change.seq) : "",
        change ? this.#call(change.seq) : "",
        change ? change.marks.join(", ") : "",
        vmaName(state, mm, vma),
      ];
    });
    const [head = "", ...lines] = table(COLUMNS, rows);
    yield this.#style.dim(head);
    for (const [i, line] of lines.entries()) {
      yield line;
      const [frame] = this.#stackOf(blamed[i]?.range.created.seq ?? 0);
      if (frame) yield this.#style.dim(`    made at ${frame}`);
    }
  }

  /** All that is known of one range: the mapping as maps has it, then its events from the first to the last. */
  *story(state: KernelState, mm: MmStruct, vma: Vma, range: BlameRange): Generator<string> {
    this.#learn();
    yield this.#style.bold(mapsLine(state, mm, vma).trimEnd());
    if (range.start !== vma.start || range.end !== vma.end)
      yield `  of which ${pageAddress(range.start)}-${pageAddress(range.end)} have one origin:`;
    yield* this.#station("made", range.created);
    for (const station of range.way) yield* this.#station(stationText(station), station);
  }

  *pageStory({ how, seq, since }: PageBlame): Generator<string> {
    const words = {
      populated: "populated",
      replaced: "copied",
      "swapped in": "brought back from swap",
    } as const;
    yield `its page was ${words[how]} by`;
    yield* this.#event(seq);
    for (const { seq: later, how: what } of since.toReversed()) {
      yield `and ${what} by`;
      yield* this.#event(later);
    }
  }

  json(range: BlameRange): Readonly<Record<string, unknown>> {
    const change = lastChange(range);
    return {
      created: this.#stationJson(range.created),
      changed: change ? this.#stationJson(change) : null,
      way: range.way.map((station) => this.#stationJson(station)),
    };
  }

  pageJson({ how, seq, since }: PageBlame): Readonly<Record<string, unknown>> {
    return {
      how,
      ...this.#eventJson(seq),
      since: since.toReversed().map((later) => ({ how: later.how, ...this.#eventJson(later.seq) })),
    };
  }

  *#station(what: string, station: BlameStation): Generator<string> {
    const { first, seq, times } = station;
    yield times > 1 ? `${what}, ${times} times since event ${first}, at last by` : `${what} by`;
    yield* this.#event(seq);
  }

  *#event(seq: number): Generator<string> {
    const event = this.#timeline.eventAt(seq);
    if (!event) return;
    yield this.#events.line(event);
    for (const frame of event.stack ?? []) yield this.#style.dim(`${" ".repeat(24)} at ${frame}`);
  }

  #stationJson(station: BlameStation): Readonly<Record<string, unknown>> {
    const { marks, first, seq, times, start, end, permissions: bits, shift } = station;
    return {
      marks,
      ...this.#eventJson(seq),
      ...(times > 1 ? { first, times } : {}),
      start: hex(start * PAGE_SIZE),
      end: hex(end * PAGE_SIZE),
      permissions: bits < 0 ? null : permissionText(bits),
      ...(shift === 0 ? {} : { from: hex((start + shift) * PAGE_SIZE) }),
    };
  }

  #eventJson(seq: number): Readonly<Record<string, unknown>> {
    const event = this.#timeline.eventAt(seq);
    const { tid = null, line = null, stack = [] } = event ?? {};
    return { event: seq, tid, line, call: this.#call(seq), stack };
  }

  #call(seq: number): string {
    const event = this.#timeline.eventAt(seq);
    return event ? EventText.callOf(event) : "";
  }

  #stackOf(seq: number): readonly string[] {
    return this.#timeline.eventAt(seq)?.stack ?? [];
  }

  /** Names of files that the events of a story mention. */
  #learn(): void {
    if (this.#learnt) return;
    this.#learnt = true;
    for (const event of this.#timeline.events) this.#events.learn(event);
  }
}

/** `protected, split: r--p, 1000-3000`: what an event did, and the mapping that it left. */
function stationText({ marks, start, end, permissions: bits, shift }: BlameStation): string {
  if (marks.includes("forked")) return "inherited through fork";
  const left = `${permissionText(bits)} ${pageAddress(start)}-${pageAddress(end)}`;
  const from = shift === 0 ? "" : `, from ${Math.abs(shift)} pages ${shift > 0 ? "above" : "below"}`;
  return `${marks.join(", ")}${from}, to ${left}`;
}
