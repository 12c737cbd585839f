import {
  type Sequence,
  type Shrinking,
  shrinkSequence,
  simplerOperands,
  simplerRequests,
} from "@pagetrail/core/search";
import { compareSequences, type Difference, type MakeModel } from "./compare.ts";
import type { LiveKernel } from "./live-kernel.ts";
import type { Operation } from "./operation.ts";

/**
 * The smallest sequence found that still makes model and kernel differ: no operation can be left out, and no
 * operand made simpler. Each round is put to the kernel as one batch.
 */
export function shrink(live: LiveKernel, difference: Difference, makeModel?: MakeModel): Difference {
  const judge: Shrinking<Operation, Difference>["judge"] = (sequences) =>
    compareSequences(live, difference.child, sequences, makeModel);
  return smallest({ judge, simpler }, difference);
}

/** The same for any kind of operations. */
export function smallest<Op, D extends Sequence<Op>>(how: Shrinking<Op, D>, difference: D): D {
  const shrinking = shrinkSequence(how, difference);
  for (;;) {
    const step = shrinking.next();
    if (step.done) return step.value;
  }
}

/** One operand smaller: fewer pages, or a flag less. */
function simpler(operation: Operation): readonly Operation[] {
  if ("attach" in operation) {
    return simplerOperands(operation.attach).map((attach) => ({ attach: attach as typeof operation.attach }));
  }
  if (!("request" in operation)) return [];
  return simplerRequests(operation.request).map((request) => ({ ...operation, request }));
}
