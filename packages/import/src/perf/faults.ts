import type { Touch } from "../sightings.ts";
import type { StackFrame } from "../strace/text/index.ts";
import type { Tally } from "../tally.ts";
import { isKernelAddress, type PerfFault, type PerfSample } from "./text/index.ts";

/** The last fault of a task, and the events that have told of it. */
interface Told {
  readonly addr: number;
  readonly events: Set<string>;
}

/** Page faults as touches of memory, each once, however many events perf recorded of it. */
export class Faults {
  readonly #last = new Map<number, Told>();
  #lost = false;

  constructor(private readonly tally: Tally) {}

  /** The touch that a fault is; undefined when another event has told of it, or the text has no address. */
  touch(sample: PerfSample, { addr, access, inKernel, complete }: PerfFault): Touch | undefined {
    const { tid, line, time, event } = sample;
    if (this.#isTold(tid, event, addr)) return undefined;
    if (addr === undefined) {
      this.tally.note(`${event} without an address: record with perf record -d, print with -F +addr`);
      return undefined;
    }
    this.#last.set(tid, { addr, events: new Set([event]) });
    if (!complete)
      this.tally.note(
        `${event} that are only a part of the faults, so that it is also supposed what was written to: record page-faults with -c 1`,
      );
    const stack = userFrames(sample.stack);
    return {
      kind: "touch",
      tid,
      addr,
      access,
      inKernel,
      complete: complete && !this.#lost,
      line,
      ...(time === undefined ? {} : { time }),
      ...(stack.length > 0 ? { stack } : {}),
    };
  }

  /** The task did something else: the next fault at the same address is another one. */
  apart(tid: number): void {
    this.#last.delete(tid);
  }

  /** perf lost events: from here on no task's faults are known to be all of them. */
  lose(): void {
    this.#lost = true;
  }

  #isTold(tid: number, event: string, addr: number | undefined): boolean {
    const last = this.#last.get(tid);
    if (!last || last.events.has(event) || (addr !== undefined && addr !== last.addr)) return false;
    last.events.add(event);
    return true;
  }
}

const userFrames = (stack: readonly StackFrame[] = []): readonly StackFrame[] =>
  stack.filter(({ address }) => !isKernelAddress(address));
