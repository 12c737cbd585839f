import { BrokenInvariant } from "../base/index.ts";
import { isLive } from "../process/index.ts";
import { advanceState } from "./advance.ts";
import { type Event, isScheduled } from "./event.ts";
import { execute } from "./execute.ts";
import { type Outcome, type Request, sameOutcome } from "./request.ts";
import type { KernelState } from "./state.ts";
import { Transaction } from "./transaction.ts";

/** What comes into a log by itself, rather than from one of its tasks. */
const OF_NOBODY: ReadonlySet<Request["call"]> = new Set([
  "adopt",
  "file",
  "cached",
  "vmalloc",
  "vfree",
  "kmap",
  "kunmap",
]);

function canHappen(state: KernelState, { tid, request }: Event): boolean {
  if (OF_NOBODY.has(request.call) || isScheduled(request)) return true;
  const task = state.tasks.get(tid);
  return task !== undefined && isLive(task);
}

/**
 * Asks for what an event asked for in another state, numbered as the next event there. Its outcome is the model's, but
 * for what a recording had otherwise: there it stands. Undefined for an event that cannot happen in this state.
 */
export function askAnew(
  state: KernelState,
  asked: Event,
): { readonly state: KernelState; readonly event: Event } | undefined {
  if (!canHappen(state, asked)) return undefined;
  const { divergence, ...rest } = asked;
  const event = { ...rest, seq: state.seq + 1 };
  try {
    if (divergence) {
      const advanced = advanceState(state, event);
      const differs = !sameOutcome(advanced.predicted, event.outcome);
      return { state: advanced.state, event: differs ? { ...event, divergence: advanced.predicted } : event };
    }
    const tx = new Transaction(state);
    const outcome = withoutReason(execute(tx, event));
    return { state: tx.commit(event.seq), event: { ...event, outcome } };
  } catch (error) {
    if (error instanceof BrokenInvariant) return undefined;
    throw error;
  }
}

const withoutReason = (outcome: Outcome): Outcome =>
  "errno" in outcome ? { errno: outcome.errno } : outcome;
