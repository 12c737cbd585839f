import type { MmId, Pid } from "../base/index.ts";
import { advanceState, type KernelState } from "../kernel/index.ts";
import type { Timeline } from "../timeline/index.ts";
import type { Moment } from "./moment.ts";

/** A log as a search needs it: its events by number, and the state behind any of them. */
export type Recorded = Pick<Timeline, "first" | "last" | "eventAt" | "stateAt">;

/** Who knows which address space a process had last, at the boundary of a block. */
export interface SpaceHistory {
  lastSpace(pid: Pid, seq: number): MmId | undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Moments one after the other. The one that it gives is the same object all along, and changes as it moves on. */
export class Walk {
  readonly #log: Recorded;
  readonly #history: SpaceHistory;
  readonly #watched: readonly Pid[];
  readonly #started = { known: false, time: undefined as number | undefined };
  #state: KernelState | undefined;

  /** @param watched processes of which `lastSpace` will be asked */
  constructor(log: Recorded, history: SpaceHistory, watched: readonly Pid[] = []) {
    this.#log = log;
    this.#history = history;
    this.#watched = watched;
  }

  /** Asked for by few expressions, and not found without a look at events. */
  #startedAt(): number | undefined {
    if (!this.#started.known) this.#started.time = startOf(this.#log);
    this.#started.known = true;
    return this.#started.time;
  }

  #moment(state: KernelState, lastSpace: Moment["lastSpace"]): Writable<Moment> {
    const started = () => this.#startedAt();
    return {
      event: undefined,
      before: state,
      after: state,
      lastSpace,
      get started() {
        return started();
      },
    };
  }

  /** The moment `seq` itself, as a state without an event; then, if asked to move on, every event up to `to`. */
  *from(seq: number, to: number): Generator<Moment> {
    const known = this.#state?.seq === seq ? this.#state : this.#log.stateAt(seq);
    const spaces = new Map<Pid, MmId>();
    const lastSpace = (pid: Pid): MmId | undefined => {
      const found = spaces.get(pid) ?? this.#history.lastSpace(pid, seq);
      if (found !== undefined) spaces.set(pid, found);
      return found;
    };
    const moment = this.#moment(known, lastSpace);
    this.#note(spaces, known);
    yield moment;
    for (let at = seq + 1; at <= to; at++) {
      const event = this.#log.eventAt(at);
      if (!event) return;
      moment.event = event;
      moment.before = moment.after;
      moment.after = advanceState(moment.before, event).state;
      this.#state = moment.after;
      this.#note(spaces, moment.after);
      yield moment;
    }
  }

  /** The events alone, for what needs no states: those of the moment are not those of the event. */
  *events(seq: number, to: number): Generator<Moment> {
    const state = this.#state ?? this.#log.stateAt(this.#log.first);
    this.#state = state;
    const moment = this.#moment(state, () => undefined);
    yield moment;
    for (let at = seq + 1; at <= to; at++) {
      moment.event = this.#log.eventAt(at);
      yield moment;
    }
  }

  #note(spaces: Map<Pid, MmId>, state: KernelState): void {
    for (const pid of this.#watched) {
      const mm = state.tasks.get(pid)?.mm;
      if (mm !== undefined && mm !== 0) spaces.set(pid, mm);
    }
  }
}

/** The first time that a log tells. */
export function startOf(log: Pick<Recorded, "first" | "last" | "eventAt">): number | undefined {
  for (let seq = log.first + 1; seq <= log.last; seq++) {
    const time = log.eventAt(seq)?.time;
    if (time !== undefined) return time;
  }
  return undefined;
}

/** Finds the last address spaces of processes by going through the log, once for each process. */
export class ScannedSpaces implements SpaceHistory {
  readonly #log: Recorded;
  readonly #found = new Map<Pid, readonly { readonly seq: number; readonly mm: MmId }[]>();

  constructor(log: Recorded) {
    this.#log = log;
  }

  lastSpace(pid: Pid, seq: number): MmId | undefined {
    return this.#spacesOf(pid).findLast((one) => one.seq <= seq)?.mm;
  }

  #spacesOf(pid: Pid): readonly { readonly seq: number; readonly mm: MmId }[] {
    const known = this.#found.get(pid);
    if (known) return known;
    const spaces: { seq: number; mm: MmId }[] = [];
    for (const { after } of new Walk(this.#log, NO_HISTORY).from(this.#log.first, this.#log.last)) {
      const mm = after.tasks.get(pid)?.mm;
      if (mm !== undefined && mm !== 0 && spaces.at(-1)?.mm !== mm) spaces.push({ seq: after.seq, mm });
    }
    this.#found.set(pid, spaces);
    return spaces;
  }
}

/** For walks that are asked for no last address space. */
export const NO_HISTORY: SpaceHistory = { lastSpace: () => undefined };
