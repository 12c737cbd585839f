import type { Event } from "../kernel/index.ts";

/** The events of a log, wherever they are: in memory, or in a file of which parts are read. */
export interface EventSource {
  /** The last event before the first: 0, or where a branch left its parent. */
  readonly first: number;
  /** The last event. */
  readonly last: number;
  /** The events behind `from`, up to and including `to`. */
  between(from: number, to: number): readonly Event[];
}

/** Events that are all in memory; event n stands at index n - 1 behind `first`. */
export class EventList implements EventSource {
  constructor(
    readonly first: number,
    readonly events: readonly Event[],
  ) {}

  get last(): number {
    return this.first + this.events.length;
  }

  between(from: number, to: number): readonly Event[] {
    return this.events.slice(from - this.first, to - this.first);
  }
}
