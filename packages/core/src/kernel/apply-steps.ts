import { assertNever } from "../base/index.ts";
import type { KernelState } from "./state.ts";
import type { KernelStep } from "./step.ts";
import { Transaction } from "./transaction.ts";

/**
 * The state behind some steps, from the state before them. Steps know both sides, so that they go either way: see
 * `invertSteps`.
 *
 * @param steps as a journal heard of them, or as `diffStates` or `composeSteps` gave them
 */
export function applySteps(state: KernelState, steps: readonly KernelStep[]): KernelState {
  const tx = new Transaction(state);
  let { seq } = state;
  for (const step of steps) {
    switch (step.kind) {
      case "pte":
      case "frame":
        break;
      case "vma":
      case "mm":
        tx.redoMm(step);
        break;
      case "space":
        tx.putSpace(step.mm, step.after);
        break;
      case "task":
      case "group":
      case "file":
      case "shm":
      case "cpu":
      case "ref":
        tx.putRecord(step.table, step.key, step.after);
        break;
      case "tlb":
        tx.putTlb(step.after);
        break;
      case "kspace":
        tx.putKspace(step.after);
        break;
      case "counters":
        tx.putCounters(step.after);
        seq = step.after.seq;
        break;
      default:
        assertNever(step);
    }
  }
  // What lies below the VMAs is told whole, and put back once every address space is there again.
  for (const step of steps) {
    if (step.kind === "pte") tx.putPages(step.mm, step.after);
    else if (step.kind === "frame") tx.putMemory(step.after);
  }
  return tx.commit(seq);
}

/** The way back: the same steps from the last to the first, each with its sides swapped. */
export const invertSteps = (steps: readonly KernelStep[]): readonly KernelStep[] =>
  steps.toReversed().map((step) => ({ ...step, before: step.after, after: step.before }) as KernelStep);

/** The state before the steps of one transaction, from the state behind it. */
export const undoSteps = (state: KernelState, steps: readonly KernelStep[]): KernelState =>
  applySteps(state, invertSteps(steps));
