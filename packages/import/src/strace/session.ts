import {
  advanceState,
  type Event,
  initialState,
  isLive,
  type KernelState,
  type Outcome,
  type Pid,
  type Profile,
  type Request,
  sameOutcome,
} from "@pagetrail/core";
import type { ImportSink } from "./importer.ts";
import type { Tally } from "./tally.ts";

/** Where in the recording an event comes from; nothing for what is only known. */
export interface Origin {
  readonly line?: number;
  readonly time?: number;
  /** The call's name in the trace, where the request has another. */
  readonly as?: string;
  readonly assumed?: readonly string[];
}

const NOTHING: Outcome = { ret: 0 };

/** The model behind an import: every event goes through it, and it knows the state that the next one meets. */
export class Session {
  #state: KernelState;

  constructor(
    profile: Profile,
    private readonly sink: ImportSink,
    private readonly tally: Tally,
  ) {
    this.#state = initialState(profile);
  }

  get state(): KernelState {
    return this.#state;
  }

  /** Lets the model predict, follows the recording, and hands the event on. */
  emit(tid: number, request: Request, outcome: Outcome = NOTHING, origin: Origin = {}): void {
    const { as, ...rest } = origin;
    const event: Event = {
      seq: this.#state.seq + 1,
      tid: tid as Pid,
      request,
      outcome,
      ...rest,
      ...(as === undefined || as === request.call ? {} : { as }),
    };
    const { state, predicted } = advanceState(this.#state, event);
    const told = sameOutcome(predicted, outcome) ? event : { ...event, divergence: predicted };
    this.#state = state;
    this.tally.event(told);
    this.sink.event(told, state);
  }

  /** Whether the model has this task alive. */
  isLive(tid: number): boolean {
    const task = this.#state.tasks.get(tid as Pid);
    return task !== undefined && isLive(task);
  }
}
