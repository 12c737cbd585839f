import { idlePid, isLive, type Pid, type Task } from "@pagetrail/core";
import type { Origin, Session } from "./session.ts";
import type { ShownSwitch, SwitchedTask } from "./sightings.ts";
import type { Tally } from "./tally.ts";

const ASSUMED = { assumed: ["switch"] } as const;

/**
 * Turns the context switches of a recording of all CPUs into events. Tasks without mappings and calls are kernel
 * threads. Where a switch is missing, what came of it is supposed.
 */
export class Switches {
  constructor(
    private readonly session: Session,
    private readonly tally: Tally,
    /** Brings a task that a fork further on in the recording made. */
    private readonly fromAhead: (tid: number) => boolean,
  ) {}

  turn({ cpu, prev, state, next, line, time }: ShownSwitch): void {
    const { cpus } = this.session.state;
    if (cpus.size === 0) return;
    if (!cpus.has(cpu)) {
      this.tally.note(`context switches on CPU ${cpu}, which the recording does not show at its beginning`);
      return;
    }
    const when = { ...(line === undefined ? {} : { line }), ...(time === undefined ? {} : { time }) };
    for (const task of [prev, next]) this.#introduce(task);
    if (this.#current(cpu) !== prev.pid) this.#switch(cpu, prev.pid, "R", { ...when, ...ASSUMED });
    this.#leave(prev.pid, state, when);
    this.#switch(cpu, next.pid, state, when);
  }

  /** The task that a CPU runs, 0 for its idle task. */
  #current(cpu: number): number {
    const current = this.session.state.cpus.get(cpu)?.current;
    return current === undefined || current === idlePid(cpu) ? 0 : current;
  }

  #task(pid: number): Task | undefined {
    return this.session.state.tasks.get(pid as Pid);
  }

  #introduce({ pid, comm, isUser }: SwitchedTask): void {
    const known = this.#task(pid);
    if (pid === 0 || known || this.fromAhead(pid)) return;
    if (isUser) this.#adopt(pid, comm);
    else
      this.session.emit(
        0,
        { call: "kthread", child: pid as Pid, comm },
        { ret: pid },
        { assumed: ["before"] },
      );
  }

  /** A program of which the recording shows nothing but that it runs. */
  #adopt(pid: number, comm: string): void {
    const pages = this.session.hasPages ? ({ pages: "unknown" } as const) : {};
    const request = { call: "adopt", comm, tgid: pid as Pid, ...pages } as const;
    this.session.emit(pid, request, { ret: 0 }, { assumed: ["before"] });
  }

  /** Of a kernel thread, and of a program that is not followed, nothing but the last switch tells that it has exited. */
  #leave(pid: number, state: string, origin: Origin): void {
    const task = this.#task(pid);
    if (state === "X" && task && isLive(task))
      this.session.emit(pid, { call: "exit", code: 0 }, { gone: "exit" }, origin);
  }

  #switch(cpu: number, next: number, state: string, origin: Origin): void {
    const current = this.#current(cpu);
    if (current === next) return;
    // It ran elsewhere last, and that it left from there was lost.
    const there = next === 0 ? undefined : this.#task(next)?.onCpu;
    if (there !== undefined && there !== cpu) this.#emit(there, 0, "R", { ...origin, ...ASSUMED });
    this.#emit(cpu, next, current === 0 ? "R" : state, origin);
  }

  #emit(cpu: number, next: number, state: string, origin: Origin): void {
    const request = { call: "switch", cpu, next, state } as const;
    const current = this.#current(cpu);
    const predicted = this.session.predict(current, request, { ret: 0 });
    if ("errno" in predicted)
      this.tally.note(
        `a context switch that the model does not have: ${predicted.why ?? predicted.errno}`.replaceAll(
          /\d+/g,
          "N",
        ),
      );
    else this.session.emit(current, request, { ret: 0 }, origin);
  }
}
