import { assertNever } from "../base/index.ts";
import type { KernelState } from "./state.ts";
import type { KernelStep } from "./step.ts";
import { Transaction } from "./transaction.ts";

/**
 * The state before the steps of one transaction, from the state behind it.
 *
 * @param steps all of them, in the order in which the journal heard of them
 */
export function undoSteps(state: KernelState, steps: readonly KernelStep[]): KernelState {
  const tx = new Transaction(state);
  let { seq } = state;
  for (const step of steps.toReversed()) {
    switch (step.kind) {
      case "pte":
      case "frame":
        break;
      case "vma":
      case "mm":
        tx.undoMm(step);
        break;
      case "space":
        tx.putSpace(step.mm, step.before);
        break;
      case "task":
      case "group":
      case "file":
      case "shm":
      case "cpu":
      case "ref":
        tx.putRecord(step.table, step.key, step.before);
        break;
      case "tlb":
        tx.putTlb(step.before);
        break;
      case "kspace":
        tx.putKspace(step.before);
        break;
      case "counters":
        tx.putCounters(step.before);
        seq = step.before.seq;
        break;
      default:
        assertNever(step);
    }
  }
  // What lies below the VMAs is told whole, and put back once every address space is there again.
  for (const step of steps) {
    if (step.kind === "pte") tx.putPages(step.mm, step.before);
    else if (step.kind === "frame") tx.putMemory(step.before);
  }
  return tx.commit(seq);
}
