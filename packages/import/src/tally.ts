import { type Event, isDecided, type Outcome } from "@pagetrail/core";
import type { ClockFit, ImportSummary, UnreadableLine } from "./sink.ts";

/** How many of anything a summary shows in full. */
const SHOWN = 10;

/** Counts what an import meets, for its summary. */
export class Tally {
  #events = 0;
  #faults = 0;
  #decided = 0;
  #predicted = 0;
  #divergences = 0;
  #unreadable = 0;
  #cut: UnreadableLine | undefined;
  #disordered = 0;
  #firstDisordered: number | undefined;
  readonly #firstUnreadable: UnreadableLine[] = [];
  readonly #firstDivergences: ImportSummary["divergences"]["first"][number][] = [];
  readonly #notes = new Map<string, number>();
  readonly #processes = new Set<number>();

  event(event: Event): void {
    this.#events += 1;
    if (event.request.call === "access" && event.assumed?.includes("access") !== true) this.#faults += 1;
    if (event.line === undefined || !isDecided(event)) return;
    this.#decided += 1;
    if (event.divergence === undefined) this.#predicted += 1;
    else this.#diverged(event.line, event, event.divergence);
  }

  process(tgid: number): void {
    this.#processes.add(tgid);
  }

  unreadable(line: UnreadableLine): void {
    this.#unreadable += 1;
    if (this.#firstUnreadable.length < SHOWN) this.#firstUnreadable.push(line);
  }

  cut(line: UnreadableLine): void {
    this.#cut = line;
  }

  disordered(line: number): void {
    this.#disordered += 1;
    this.#firstDisordered ??= line;
  }

  note(note: string): void {
    this.#notes.set(note, (this.#notes.get(note) ?? 0) + 1);
  }

  summary(lines: number, clock?: ClockFit): ImportSummary {
    return {
      lines,
      unreadable: { count: this.#unreadable, first: this.#firstUnreadable },
      ...(this.#cut === undefined ? {} : { cut: this.#cut }),
      disordered: {
        count: this.#disordered,
        ...(this.#firstDisordered === undefined ? {} : { first: this.#firstDisordered }),
      },
      events: this.#events,
      processes: this.#processes.size,
      decided: this.#decided,
      predicted: this.#predicted,
      faults: this.#faults,
      divergences: { count: this.#divergences, first: this.#firstDivergences },
      ...(clock === undefined ? {} : { clock }),
      notes: [...this.#notes].map(([note, count]) => ({ note, count })),
    };
  }

  #diverged(line: number, event: Event, predicted: Outcome): void {
    this.#divergences += 1;
    if (this.#firstDivergences.length >= SHOWN) return;
    const call = event.as ?? event.request.call;
    this.#firstDivergences.push({ line, call, recorded: event.outcome, predicted });
  }
}
