import type { Event, KernelState, Outcome, Profile } from "@pagetrail/core";

/** The file system of the machine that imports, as far as a recording may ask it. All paths absolute. */
export interface SystemFiles {
  /** The path after symbolic links; undefined when there is no such file. */
  realpath(path: string): string | undefined;
  /** Up to `length` bytes of a regular file from `offset`; undefined when it cannot be read. */
  read(path: string, offset: number, length: number): Uint8Array | undefined;
}

/** Where an import's results go, in order: `start` once, then the events. */
export interface ImportSink {
  start(profile: Profile, source: Readonly<Record<string, unknown>>): void;
  event(event: Event, state: KernelState): void;
}

/** A line that could not be read. */
export interface UnreadableLine {
  readonly line: number;
  /** In the recording that has the faults, where that is one of its own. */
  readonly inFaults?: true;
  readonly text: string;
  readonly why: string;
}

/** How the clocks of two recordings of one run were found to lie to one another. */
export interface ClockFit {
  /** Seconds by which the calls' clock is ahead of the faults' one, when the last fault was placed. */
  readonly offset: number;
  /** The usual distance of one call from that, in seconds. */
  readonly residual: number;
  /** Calls and other moments that both recordings show. */
  readonly matched: number;
}

/** What an import found, for the person who ran it. */
export interface ImportSummary {
  readonly lines: number;
  readonly unreadable: { readonly count: number; readonly first: readonly UnreadableLine[] };
  /** The last line, where the trace ends in the middle of it. */
  readonly cut?: UnreadableLine;
  /** Calls of tasks that had ended, and times that go back: lines are missing or in the wrong order. */
  readonly disordered: { readonly count: number; readonly first?: number };
  readonly events: number;
  readonly processes: number;
  /** Calls that a rule of the model decides, and those among them that it predicted right. */
  readonly decided: number;
  readonly predicted: number;
  readonly divergences: {
    readonly count: number;
    readonly first: readonly {
      readonly line: number;
      readonly call: string;
      readonly recorded: Outcome;
      readonly predicted: Outcome;
    }[];
  };
  /** Page faults that the recording shows of the processes in the log. */
  readonly faults: number;
  /** Only where faults came from a recording of their own. */
  readonly clock?: ClockFit;
  /** What the recording did not say and was estimated, each said once, with how often. */
  readonly notes: readonly { readonly note: string; readonly count: number }[];
}
