import {
  type Event,
  execute,
  initialState,
  type KernelState,
  type Outcome,
  type Pid,
  Transaction,
} from "@pagetrail/core";
import type { ImportSink } from "../sink.ts";
import type { Asked } from "./ask.ts";
import type { FaultCount } from "./awaited.ts";
import { Impasse, Scene } from "./scene.ts";
import type { ExpectationLine, Loop, RequestLine, Scenario, Statement } from "./statement.ts";

/** Something that is not as a line expects, or a line that cannot run. */
export interface Failure {
  /** Of the line's text, from 1. */
  readonly column: number;
  readonly what: string;
}

/** One line that ran. A loop's lines come round by round. */
export type Happening =
  | {
      readonly kind: "request";
      readonly line: number;
      readonly text: string;
      /** The event that it made, the last of them; absent where it could not run. */
      readonly seq?: number;
      readonly outcome?: Outcome;
      readonly faults: FaultCount;
      readonly failure?: Failure;
    }
  | {
      readonly kind: "expectation";
      readonly line: number;
      readonly text: string;
      readonly failure?: Failure;
    };

const NO_FAULTS: FaultCount = { minor: 0, major: 0 };
const DONE: Outcome = { ret: 0 };

/**
 * Runs a scenario line by line: each request goes through the model, and its event to the sink; each
 * expectation is looked at. A failure does not end the run.
 */
export function* runScenario(scenario: Scenario, sink: ImportSink): Generator<Happening> {
  const { profile, statements } = scenario;
  sink.start(profile, { kind: "scenario" });
  yield* new Run(initialState(profile), sink).block(statements);
}

class Run {
  readonly #scene: Scene;

  constructor(
    state: KernelState,
    private readonly sink: ImportSink,
  ) {
    this.#scene = new Scene(state);
  }

  *block(statements: readonly Statement[]): Generator<Happening> {
    for (const statement of statements) {
      if (statement.kind === "loop") yield* this.#rounds(statement);
      else yield statement.kind === "request" ? this.#request(statement) : this.#look(statement);
    }
  }

  *#rounds(loop: Loop): Generator<Happening> {
    const { counter, body } = loop;
    const bounds = this.#bounds(loop);
    if ("kind" in bounds) {
      yield bounds;
      return;
    }
    for (let i = bounds.from; i < bounds.to; i++) {
      if (counter !== undefined) this.#scene.bind(counter, i);
      yield* this.block(body);
    }
    if (counter !== undefined) this.#scene.bind(counter, undefined);
  }

  #bounds({ line, text, from, to }: Loop): { readonly from: bigint; readonly to: bigint } | Happening {
    try {
      return { from: from(this.#scene), to: to(this.#scene) };
    } catch (error) {
      if (!(error instanceof Impasse)) throw error;
      return { kind: "request", line, text, faults: NO_FAULTS, failure: { column: 1, what: error.message } };
    }
  }

  #request({ line, text, who, ask, judge, column }: RequestLine): Happening {
    const scene = this.#scene;
    const told = { kind: "request", line, text } as const;
    try {
      scene.subject = who(scene);
      let ended: { outcome: Outcome; faults: FaultCount } = { outcome: DONE, faults: NO_FAULTS };
      for (const asked of ask(scene)) ended = this.#do(scene.subject, asked, line);
      const what = judge(scene, ended);
      const happened = { ...told, seq: scene.state.seq, ...ended };
      return what === undefined ? happened : { ...happened, failure: { column, what } };
    } catch (error) {
      if (!(error instanceof Impasse)) throw error;
      return { ...told, faults: NO_FAULTS, failure: { column, what: error.message } };
    }
  }

  #look({ line, text, column, fact }: ExpectationLine): Happening {
    const told = { kind: "expectation", line, text } as const;
    try {
      const what = fact(this.#scene);
      return what === undefined ? told : { ...told, failure: { column, what } };
    } catch (error) {
      if (!(error instanceof Impasse)) throw error;
      return { ...told, failure: { column, what: error.message } };
    }
  }

  /** Executes a request and hands its event on. A task that ran out of memory is killed by another event. */
  #do(tid: Pid, asked: Asked, line: number): { outcome: Outcome; faults: FaultCount } {
    const scene = this.#scene;
    const before = scene.task(tid);
    const outcome = this.#emit(tid, asked, line);
    const after = scene.task(tid);
    const faults = {
      minor: after && before ? after.minFlt - before.minFlt : 0,
      major: after && before ? after.majFlt - before.majFlt : 0,
    };
    asked.noted?.(outcome);
    if ("gone" in outcome && asked.given === undefined) {
      const killed: Outcome = { gone: outcome.gone };
      this.#emit(tid, { request: { call: "kill", signal: outcome.gone }, given: killed }, line);
    }
    return { outcome, faults };
  }

  #emit(tid: Pid, { request, as, given }: Asked, line: number): Outcome {
    const scene = this.#scene;
    const tx = new Transaction(scene.state);
    const seq = scene.state.seq + 1;
    const outcome = execute(tx, { tid, request, outcome: given ?? DONE });
    scene.state = tx.commit(seq);
    scene.settle();
    const named = as === undefined || as === request.call ? {} : { as };
    const event: Event = { seq, tid, request, outcome, ...named, line };
    this.sink.event(event, scene.state);
    return outcome;
  }
}
