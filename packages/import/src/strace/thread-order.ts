import {
  execute,
  type KernelState,
  type Outcome,
  type Pid,
  type Request,
  sameOutcome,
  Transaction,
} from "@pagetrail/core";

/** A memory call of one of several threads: when it was made and returned, by line, and what came of it. */
export interface ThreadCall {
  readonly tid: number;
  readonly request: Request;
  readonly outcome: Outcome;
  readonly startLine: number;
  readonly line: number;
}

/** Tries of one decision: orders of a handful of threads, mismatches pruned at once. */
const BUDGET = 300;

/**
 * Which of several calls that overlap in time the kernel took first.
 *
 * A trace shows the order in which threads returned, not that in which the kernel let them at the address
 * space. The order nearest to the trace's in which every call ends as the model says is taken; where there
 * is none, the first pair that fits.
 *
 * @param calls in the order of return, the next one to take at the head
 * @returns an index into `calls`
 */
export function firstInKernel(state: KernelState, calls: readonly ThreadCall[]): number {
  const order = new OrderSearch().find(state, calls);
  if (order?.[0]) return calls.indexOf(order[0]);
  const [head] = calls;
  if (!head || after(state, head)) return 0;
  const sooner = calls.findIndex((call) => {
    const between = call === head || mustFollow(call, calls) ? undefined : after(state, call);
    return between !== undefined && after(between, head) !== undefined;
  });
  return Math.max(sooner, 0);
}

/** The state behind a call, if it ends there as the trace says. */
function after(state: KernelState, { tid, request, outcome }: ThreadCall): KernelState | undefined {
  const tx = new Transaction(state);
  const predicted = execute(tx, { tid: tid as Pid, request, outcome });
  return sameOutcome(predicted, outcome) ? tx.commit(state.seq) : undefined;
}

/** Whether some other of the calls had returned before this one was made. */
const mustFollow = (call: ThreadCall, others: readonly ThreadCall[]): boolean =>
  others.some((other) => other.line < call.startLine);

class OrderSearch {
  #tries = 0;

  /** An order in which all calls fit, nearest to the given one first. */
  find(state: KernelState, calls: readonly ThreadCall[]): readonly ThreadCall[] | undefined {
    if (calls.length === 0) return [];
    for (const call of calls) {
      if (mustFollow(call, calls)) continue;
      this.#tries += 1;
      if (this.#tries > BUDGET) return undefined;
      const next = after(state, call);
      const others = calls.filter((other) => other !== call);
      const rest = next && this.find(next, others);
      if (rest) return [call, ...rest];
    }
    return undefined;
  }
}
