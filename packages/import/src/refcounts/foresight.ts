import { type CaptureEvent, NULL, type Pointer, type TaskSample } from "./capture.ts";

/** The tasks of an event. */
export function tasksOf(event: CaptureEvent): readonly TaskSample[] {
  switch (event.kind) {
    case "switch":
      return [event.prev, event.next];
    case "newtask":
      return [event.parent, event.child];
    default:
      return [event.task];
  }
}

/** What a later part of a capture says about an earlier moment. Positions count events. */
export class Foresight {
  readonly #events: readonly CaptureEvent[];
  readonly #byPid = new Map<number, number[]>();

  constructor(events: readonly CaptureEvent[]) {
    this.#events = events;
    events.forEach((event, at) => {
      for (const { pid } of tasksOf(event)) {
        const list = this.#byPid.get(pid) ?? [];
        list.push(at);
        this.#byPid.set(pid, list);
      }
    });
  }

  /** How many CPUs the capture tells of. */
  get cpus(): number {
    return this.#events.reduce((most, { cpu }) => Math.max(most, cpu + 1), 1);
  }

  /** The task that a CPU runs when the capture begins, from its first event. */
  firstOn(cpu: number): TaskSample | undefined {
    const event = this.#events.find((e) => e.cpu === cpu);
    return event && tasksOf(event)[0];
  }

  /** The task that a CPU runs at its next event behind `at`. */
  nextOn(cpu: number, at: number): TaskSample | undefined {
    for (let i = at + 1; i < this.#events.length; i++) {
      const event = this.#events[i];
      if (event?.cpu === cpu && event.kind !== "free" && event.kind !== "wakenew") return tasksOf(event)[0];
    }
    return undefined;
  }

  /**
   * The first of the samples of a task from `at` on that says something; none behind the task's end. An exec on the
   * way ends what can be said about the present.
   */
  #firstOf<T>(pid: number, at: number, say: (task: TaskSample) => T | undefined): T | undefined {
    for (const i of this.#byPid.get(pid) ?? []) {
      const event = this.#events[i];
      if (i < at || !event) continue;
      if (event.kind === "newtask" && event.child.pid === pid && i > at) return undefined;
      for (const task of tasksOf(event)) {
        const said = task.pid === pid ? say(task) : undefined;
        if (said !== undefined) return said;
      }
    }
    return undefined;
  }

  /**
   * Whether a task is a kernel thread: as the format says, or because the first thing known of it is no mm. Of one
   * that is never seen to leave a CPU nothing is known; only the threads of PID 1 are so.
   */
  isKernel(pid: number, at: number): boolean {
    const known = this.#firstOf(
      pid,
      at,
      ({ kernel, mm }) => kernel ?? (mm === undefined ? undefined : mm === NULL),
    );
    return known ?? false;
  }

  /** Its process; PID 1 for a task of which the capture does not tell. */
  tgidOf(pid: number, at: number): number {
    return this.#firstOf(pid, at, ({ tgid }) => tgid) ?? 1;
  }

  /** The address space that a task has at `at`, where its samples up to its next exec show it. */
  mmOf(pid: number, at: number): Pointer | undefined {
    for (const i of this.#byPid.get(pid) ?? []) {
      const event = this.#events[i];
      if (i < at || !event) continue;
      if (event.kind === "exec" || (event.kind === "newtask" && event.child.pid === pid && i > at))
        return undefined;
      const mm = tasksOf(event).find((task) => task.pid === pid)?.mm;
      if (mm !== undefined) return mm === NULL ? undefined : mm;
    }
    return undefined;
  }

  /** The tasks that have this address space at `at`, as is seen before a new one gets its place. */
  ownersOf(mm: Pointer, at: number): readonly TaskSample[] {
    const owners = new Map<number, TaskSample>();
    const later = new Set<number>();
    for (const event of this.#events.slice(at)) {
      if (event.kind === "newtask") {
        if (event.child.mm === mm && event.parent.mm !== mm) break;
        later.add(event.child.pid);
      }
      if (event.kind === "exec" && event.task.mm === mm) break;
      if (event.kind === "exit_mmap" && (event.torn === mm || event.task.mm === mm)) break;
      for (const task of tasksOf(event))
        if (task.mm === mm && task.kernel !== true && !later.has(task.pid) && !owners.has(task.pid))
          owners.set(task.pid, task);
    }
    return [...owners.values()];
  }

  /** The address space that a task turns out to have got by an exec, from its first event behind `at`. */
  newMmOf(pid: number, at: number): Pointer | undefined {
    return this.#firstOf(pid, at + 1, ({ mm }) => mm);
  }

  /** The next exec of a task behind `at`; undefined if it is switched away from before. */
  execAhead(pid: number, at: number): CaptureEvent | undefined {
    for (const i of this.#byPid.get(pid) ?? []) {
      const event = this.#events[i];
      if (i <= at || !event) continue;
      if (event.kind === "exec") return event;
      if (event.kind !== "exit_mmap") return undefined;
    }
    return undefined;
  }

  /** The next exec of a task behind `at`, whatever lies between. */
  nextExec(pid: number, at: number): CaptureEvent | undefined {
    for (const i of this.#byPid.get(pid) ?? []) {
      const event = this.#events[i];
      if (i < at || !event) continue;
      if (event.kind === "exec") return event;
      if (event.kind === "newtask" && event.child.pid === pid) return undefined;
    }
    return undefined;
  }

  /**
   * Whether a task does nothing any more from before the first exit of the capture on: a recorder begins with one event
   * after the other, so that its exit may have been missed.
   */
  mayHaveExitedUnseen(pid: number): boolean {
    const first = this.#events.findIndex(({ kind }) => kind === "exit" || kind === "exit_mmap");
    const last = (this.#byPid.get(pid) ?? []).findLast((i) => this.#events[i]?.kind !== "free");
    return last !== undefined && last < first;
  }

  /** Whether the task's very next event is that it makes one which shares its address space. */
  sharesAhead(pid: number, at: number): boolean {
    const next = this.#byPid.get(pid)?.find((i) => i > at);
    const event = next === undefined ? undefined : this.#events[next];
    return event?.kind === "newtask" && event.parent.pid === pid && (event.flags & 0x100) !== 0;
  }
}
