import {
  advanceState,
  type Event,
  initialState,
  type KernelState,
  type Outcome,
  type Pid,
  type Profile,
  REFERENCE_PROFILE,
  type Request,
  sameOutcome,
} from "@pagetrail/core";
import { writeRun } from "./log-file.ts";
import type { Run } from "./run.ts";

/** Where an event comes from, and how it ended if not as the model says. */
export type Origin = Partial<Pick<Event, "line" | "time" | "as" | "stack">> & { readonly outcome?: Outcome };

/**
 * Makes a run as a recording would have it: events of any task, with lines and times, each with the outcome that the
 * model gives unless another is told. A `Machine` has a process from the start; this one begins with nothing.
 */
export class Recorder implements Run {
  readonly events: Event[] = [];
  /** The first state, and the one behind each event. */
  readonly states: KernelState[];

  constructor(readonly profile: Profile = REFERENCE_PROFILE) {
    this.states = [initialState(profile)];
  }

  /** The state behind the last event. */
  get state(): KernelState {
    return this.states.at(-1) ?? initialState(this.profile);
  }

  /** Executes a request and gives the outcome that is now recorded. */
  call(tid: number, request: Request, { outcome, ...origin }: Origin = {}): Outcome {
    const asked = { seq: this.state.seq + 1, tid: tid as Pid, request };
    const recorded = outcome ?? advanceState(this.state, { ...asked, outcome: { ret: 0 } }).predicted;
    const { state, predicted } = advanceState(this.state, { ...asked, outcome: recorded });
    const divergence = sameOutcome(predicted, recorded) ? {} : { divergence: predicted };
    this.events.push({ ...asked, outcome: recorded, ...divergence, ...origin });
    this.states.push(state);
    return recorded;
  }

  /** Writes the log as an import does, and gives its path. */
  write(path: string): string {
    return writeRun(path, this);
  }
}
