import type { Step, Trace } from "../base/index.ts";
import type { Event } from "./event.ts";
import { execute } from "./execute.ts";
import { follow } from "./follow.ts";
import { type Outcome, sameOutcome } from "./request.ts";
import type { KernelState } from "./state.ts";
import type { KernelStep } from "./step.ts";
import { Transaction } from "./transaction.ts";

/** One thing on the way of an execution; a function's name is the kernel's. */
export interface PathEntry {
  readonly kind: "function" | "check" | "choice" | "refusal";
  readonly text: string;
}

/** How an event came to its outcome. */
export interface Explanation {
  /** What the model answers by itself, with its reason where it refuses. */
  readonly predicted: Outcome;
  /** Whether that is what the event says. */
  readonly agrees: boolean;
  /** The way of the model, which a recording that says otherwise did not take. */
  readonly path: readonly PathEntry[];
  /** What changed. */
  readonly steps: readonly KernelStep[];
  /** The state behind the event. */
  readonly after: KernelState;
}

/** Executes an event once more on the state before it, and writes down the way that it takes. */
export function explainEvent(state: KernelState, event: Event): Explanation {
  const path = new Path();
  const first = attempt(state, event, path, execute);
  const { result: predicted } = first;
  if ("errno" in predicted && predicted.why !== undefined) path.refuse(predicted.why);
  const agrees = sameOutcome(predicted, event.outcome);
  const { steps, after } = agrees ? first : attempt(state, event, undefined, follow);
  return { predicted, agrees, path: path.entries, steps, after };
}

function attempt<T>(
  state: KernelState,
  event: Event,
  trace: Trace | undefined,
  how: (tx: Transaction, event: Event) => T,
): { readonly result: T; readonly steps: readonly KernelStep[]; readonly after: KernelState } {
  const steps: Step[] = [];
  const tx = new Transaction(state, { note: (step) => steps.push(step) }, trace);
  const result = how(tx, event);
  return { result, after: tx.commit(event.seq), steps: steps as KernelStep[] };
}

class Path implements Trace {
  readonly entries: PathEntry[] = [];

  enter(text: string): void {
    this.entries.push({ kind: "function", text });
  }

  check(text: string): void {
    this.entries.push({ kind: "check", text });
  }

  choose(text: string): void {
    this.entries.push({ kind: "choice", text });
  }

  refuse(text: string): void {
    this.entries.push({ kind: "refusal", text });
  }
}
