import { PAGE_SIZE, type Word } from "../base/index.ts";
import type { Request } from "../kernel/index.ts";

/** A finding as far as shrinking knows it: the operations that lead there. */
export interface Sequence<Op> {
  readonly operations: readonly Op[];
}

/** How sequences of one kind of operations are judged and made simpler. */
export interface Shrinking<Op, D extends Sequence<Op>> {
  /**
   * What several sequences still find, in their order; undefined for one that finds nothing, and as often as one
   * likes while it is not yet known. Whoever judges a sequence only when its finding is asked for spares those behind
   * the first that finds something.
   */
  judge(sequences: readonly (readonly Op[])[]): Iterable<D | undefined>;
  /** The operation with one operand smaller, in every way there is. */
  simpler(operation: Op): readonly Op[];
}

/**
 * The smallest sequence that still finds what was found: no operation can be left out, and no operand made simpler.
 * Yields the smallest so far after every sequence that was judged.
 *
 * Delta debugging: A. Zeller, R. Hildebrandt, Simplifying and isolating failure-inducing input (2002).
 */
export function* shrinkSequence<Op, D extends Sequence<Op>>(
  how: Shrinking<Op, D>,
  finding: D,
): Generator<D, D> {
  let smallest = finding;
  for (;;) {
    const fewer = yield* leaveOut(how, smallest);
    const simpler = yield* simplify(how, fewer);
    if (simpler === smallest) return smallest;
    smallest = simpler;
  }
}

/** The first of the candidates that finds something and is wanted, and where it differs. */
function* firstOf<Op, D extends Sequence<Op>>(
  { judge }: Shrinking<Op, D>,
  candidates: readonly (readonly Op[])[],
  best: D,
  isWanted: (found: D) => boolean = () => true,
): Generator<D, { readonly found: D; readonly at: number } | undefined> {
  for (const found of judge(candidates)) {
    if (found && isWanted(found)) return { found, at: firstDifference(best.operations, found.operations) };
    yield best;
  }
  return undefined;
}

function firstDifference<Op>(a: readonly Op[], b: readonly Op[]): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** Leaves out chunks of operations, half of them first, then ever smaller ones. */
function* leaveOut<Op, D extends Sequence<Op>>(how: Shrinking<Op, D>, finding: D): Generator<D, D> {
  let best = finding;
  let size = Math.ceil(best.operations.length / 2);
  while (size >= 1) {
    let from = 0;
    for (;;) {
      const { operations } = best;
      const candidates: (readonly Op[])[] = [];
      for (let at = from; at < operations.length; at += size)
        candidates.push([...operations.slice(0, at), ...operations.slice(at + size)]);
      const isFewer = (found: D): boolean => found.operations.length < operations.length;
      const next = yield* firstOf(how, candidates, best, isFewer);
      if (!next) break;
      best = next.found;
      // What stands before was needed a moment ago; whether it still is, the next round sees.
      from = next.at - (next.at % size);
    }
    size = size === 1 ? 0 : Math.min(Math.ceil(size / 2), Math.ceil(best.operations.length / 2));
  }
  return best;
}

/** Tries each operation with simpler operands, one change at a time. */
function* simplify<Op, D extends Sequence<Op>>(how: Shrinking<Op, D>, finding: D): Generator<D, D> {
  let best = finding;
  let from = 0;
  for (;;) {
    const { operations } = best;
    const candidates = operations.slice(from).flatMap((operation, i) => {
      const at = from + i;
      return how
        .simpler(operation)
        .map((one) => [...operations.slice(0, at), one, ...operations.slice(at + 1)]);
    });
    const next = yield* firstOf(how, candidates, best);
    if (!next) return best;
    best = next.found;
    from = next.at;
  }
}

const LENGTHS = new Set(["length", "oldLength", "newLength", "size"]);
const BITS = new Set(["flags", "prot"]);

/** A request with one operand smaller: fewer pages, or a flag less. */
export const simplerRequests = (request: Request): readonly Request[] =>
  simplerOperands(request) as unknown as readonly Request[];

export function simplerOperands(operands: object): readonly Readonly<Record<string, unknown>>[] {
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
