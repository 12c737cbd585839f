import { PAGE_SIZE, type Request, type Word } from "@pagetrail/core";
import { compareSequences, type Difference, type MakeModel } from "./compare.ts";
import type { LiveKernel } from "./live-kernel.ts";
import type { Operation } from "./operation.ts";

/** A difference as far as shrinking knows it: the operations that lead there. */
interface Sequence<Op> {
  readonly operations: readonly Op[];
}

/** How sequences of one kind of operations are judged and made simpler. */
export interface Shrinking<Op, D extends Sequence<Op>> {
  /** Finds the first difference of each of several sequences. */
  judge(sequences: readonly (readonly Op[])[]): readonly (D | undefined)[];
  /** The operation with one operand smaller, in every way there is. */
  simpler(operation: Op): readonly Op[];
}

/**
 * The smallest sequence found that still makes model and kernel differ: no operation can be left out, and no
 * operand made simpler. Delta debugging (Zeller), each round put to the kernel as one batch.
 */
export function shrink(live: LiveKernel, difference: Difference, makeModel?: MakeModel): Difference {
  const judge: Shrinking<Operation, Difference>["judge"] = (sequences) =>
    compareSequences(live, difference.child, sequences, makeModel);
  return shrinkSequence({ judge, simpler }, difference);
}

/** The same for any kind of operations. */
export function shrinkSequence<Op, D extends Sequence<Op>>(how: Shrinking<Op, D>, difference: D): D {
  let smallest = difference;
  for (;;) {
    const fewer = leaveOut(how, smallest);
    const simpler = simplify(how, fewer);
    if (simpler === smallest) return smallest;
    smallest = simpler;
  }
}

/** Leaves out chunks of operations, half of them first, then ever smaller ones. */
function leaveOut<Op, D extends Sequence<Op>>({ judge }: Shrinking<Op, D>, difference: D): D {
  let best = difference;
  for (let size = Math.ceil(best.operations.length / 2); size >= 1; ) {
    const { operations } = best;
    const candidates: (readonly Op[])[] = [];
    for (let at = 0; at < operations.length; at += size)
      candidates.push([...operations.slice(0, at), ...operations.slice(at + size)]);
    const found = judge(candidates).find((d) => d !== undefined && d.operations.length < operations.length);
    if (found) best = found;
    else if (size === 1) break;
    size = Math.max(1, Math.min(Math.floor(size / (found ? 1 : 2)), Math.ceil(best.operations.length / 2)));
  }
  return best;
}

/** Tries each operation with simpler operands, one change at a time. */
function simplify<Op, D extends Sequence<Op>>({ judge, simpler }: Shrinking<Op, D>, difference: D): D {
  let best = difference;
  for (;;) {
    const { operations } = best;
    const candidates = operations.flatMap((operation, i) =>
      simpler(operation).map((one) => [...operations.slice(0, i), one, ...operations.slice(i + 1)]),
    );
    const found = judge(candidates).find((d) => d !== undefined);
    if (!found) return best;
    best = found;
  }
}

const LENGTHS = new Set(["length", "oldLength", "newLength", "size"]);
const BITS = new Set(["flags", "prot"]);

/** One operand smaller: fewer pages, or a flag less. */
function simpler(operation: Operation): readonly Operation[] {
  if ("attach" in operation) {
    return changed(operation.attach).map((attach) => ({ attach: attach as typeof operation.attach }));
  }
  if (!("request" in operation)) return [];
  return simplerRequests(operation.request).map((request) => ({ ...operation, request }));
}

export const simplerRequests = (request: Request): readonly Request[] =>
  changed(request) as unknown as readonly Request[];

function changed(operands: object): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(operands).flatMap(([name, value]) => {
    if (typeof value !== "number" && typeof value !== "bigint") return [];
    return smaller(name, value).map((operand) => ({ ...operands, [name]: operand }));
  });
}

function smaller(name: string, value: Word): readonly number[] {
  if (LENGTHS.has(name)) return shorter(value);
  if (BITS.has(name)) return fewerBits(Number(value));
  return name === "offset" && Number(value) !== 0 ? [0] : [];
}

/** Whole pages, and fewer of them: a part of a page is made a whole one first. */
function shorter(length: Word): readonly number[] {
  const bytes = Number(length);
  const pages = Math.ceil(bytes / PAGE_SIZE);
  if (pages > 2 ** 32) return [];
  const sizes = [1, Math.ceil(pages / 2), pages - 1, pages].map((n) => n * PAGE_SIZE);
  const whole = bytes % PAGE_SIZE === 0 ? bytes : bytes + PAGE_SIZE;
  return [...new Set(sizes)].filter((size) => size > 0 && size < whole);
}

/** The lowest four bits of a mapping's flags are a number, not bits. */
function fewerBits(bits: number): readonly number[] {
  const set = Array.from({ length: 31 }, (_, i) => 2 ** i).filter((bit) => (bits & bit) !== 0);
  return set.map((bit) => bits - bit);
}
