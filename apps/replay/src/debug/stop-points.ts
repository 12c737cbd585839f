import { type Expression, isMomentary, type Search } from "@pagetrail/core/search";

/** What stops the debugger: a breakpoint where an expression holds or comes true, a watchpoint wherever it changes. */
export interface StopPoint {
  readonly number: number;
  readonly kind: "breakpoint" | "watchpoint";
  readonly text: string;
  readonly expression: Expression;
  hits: number;
}

/** The stop points of a session, numbered as they are set; a number is given once. */
export class StopPoints {
  readonly #points = new Map<number, StopPoint>();
  #last = 0;

  set(kind: StopPoint["kind"], text: string, expression: Expression): StopPoint {
    this.#last += 1;
    const point: StopPoint = { number: this.#last, kind, text, expression, hits: 0 };
    this.#points.set(point.number, point);
    return point;
  }

  delete(number: number): boolean {
    return this.#points.delete(number);
  }

  clear(): void {
    this.#points.clear();
  }

  get all(): readonly StopPoint[] {
    return [...this.#points.values()];
  }
}

/** Where a stop point is looked for from a moment on: as far as another was found, if one was. */
export function searchFor(
  { kind, expression }: StopPoint,
  {
    at,
    nearest,
    direction,
  }: { readonly at: number; readonly nearest: number; readonly direction: Search["direction"] },
): Search {
  const edge = kind === "watchpoint" && !isMomentary(expression) ? "changes" : "becomes";
  const range = direction === "forward" ? { from: at, to: nearest } : { from: nearest, to: at - 1 };
  return { expression, direction, edge, ...range };
}
