import type { MmId, Step } from "../base/index.ts";
import {
  advanceState,
  type Event,
  execute,
  type KernelState,
  type KernelStep,
  type Outcome,
  sameOutcome,
  Transaction,
} from "../kernel/index.ts";
import { BlameFold, moveOf, type VmasBefore } from "./blame-fold.ts";

/** Events in one transaction, before what they hold on to is let go. */
const BATCH = 4096;

/**
 * Executes a log from a state on and folds its steps for blame. Where no pages are modelled, events share
 * transactions, as in bulk replay, for only steps of address spaces are asked for.
 */
export class BlameReplay {
  readonly fold = new BlameFold();
  #state: KernelState;
  #tx: Transaction | undefined;
  #steps: KernelStep[] = [];
  #seq: number;
  #batched = 0;

  constructor(from: KernelState) {
    this.#state = from;
    this.#seq = from.seq;
  }

  /** The last event that was taken. */
  get seq(): number {
    return this.#seq;
  }

  /** Takes the next event. Answers what the model says of it where that is not what is recorded; nothing goes on then. */
  take(event: Event): Outcome | undefined {
    const alone = event.divergence !== undefined || this.#state.memory !== undefined;
    const predicted = alone ? this.#takeAlone(event) : this.#takeWithOthers(event);
    if (!sameOutcome(predicted, event.divergence ?? event.outcome)) return predicted;
    this.#seq = event.seq;
    return undefined;
  }

  #takeAlone(event: Event): Outcome {
    this.#commit();
    const mm = this.#state.tasks.get(event.tid)?.mm ?? (0 as MmId);
    const moved = moveOf(event, this.#vmasOf(mm));
    const steps: Step[] = [];
    const { state, predicted } = advanceState(this.#state, event, { note: (step) => steps.push(step) });
    this.#state = state;
    this.fold.event(event, mm, moved, steps as KernelStep[]);
    return predicted;
  }

  #takeWithOthers(event: Event): Outcome {
    this.#tx ??= new Transaction(this.#state, { note: (step) => this.#steps.push(step as KernelStep) });
    const tx = this.#tx;
    const mm = tx.peekTask(event.tid)?.mm ?? (0 as MmId);
    const moved = moveOf(event, (start, end) => tx.mm(mm).vmas.collect(start, end));
    const predicted = execute(tx, event);
    this.fold.event(event, mm, moved, this.#steps);
    this.#steps = [];
    this.#batched++;
    if (this.#batched >= BATCH) this.#commit(event.seq);
    return predicted;
  }

  #vmasOf(mm: MmId): VmasBefore {
    return (start, end) => this.#state.mms.get(mm)?.vmas.collect(start, end) ?? [];
  }

  #commit(seq = this.#seq): void {
    if (!this.#tx) return;
    this.#state = this.#tx.commit(seq);
    this.#tx = undefined;
    // Tables that a commit compares tell nothing of VMAs.
    this.#steps = [];
    this.#batched = 0;
  }
}
