import { PID_MAX } from "./prefix.ts";

/**
 * Says which process a line means when strace writes to a terminal.
 *
 * There the first process has no prefix until a second one exists, then every line says "[pid N]", and when
 * one process is left its lines are bare again. The first process keeps one tid throughout: the one that the
 * caller knows, else 0; its pid is recognised when it is first printed.
 */
export class ProcessNames {
  /** The pid of the first process, once the text has given it away. */
  firstPid: number | undefined;
  readonly #unnamed: number;
  readonly #alive = new Set<number>();
  readonly #children = new Set<number>();
  #bareSeen = false;
  #announced = false;

  /** `unnamed` is the tid of lines without a pid. */
  constructor(unnamed: number) {
    this.#unnamed = unnamed;
  }

  attached(pid: number): void {
    this.#announced = true;
    this.#children.add(pid);
    this.#alive.add(pid);
  }

  /** A call that makes processes returned `pid`. */
  born(pid: number): void {
    if (pid <= PID_MAX) this.#children.add(pid);
  }

  ended(tid: number): void {
    this.#alive.delete(tid);
    this.#children.delete(tid);
  }

  /** The tid of a line without a prefix: the only process left, else the first. */
  ofBare(): number {
    if (this.#alive.size === 1) for (const only of this.#alive) return only;
    this.#bareSeen = true;
    this.#alive.add(this.#unnamed);
    return this.#unnamed;
  }

  /**
   * The tid of a "[pid N]" line. `mayBeNew`: the first process is inside a call that makes processes, and the
   * line does not resume that call, so that an unknown pid may be its child's.
   */
  ofBracketed(pid: number, mayBeNew: boolean): number {
    if (pid === this.firstPid) return this.#unnamed;
    if (this.#isFirst(pid, mayBeNew)) {
      this.firstPid = pid;
      this.#alive.delete(pid);
      this.#alive.add(this.#unnamed);
      return this.#unnamed;
    }
    this.#alive.add(pid);
    return pid;
  }

  #isFirst(pid: number, mayBeNew: boolean): boolean {
    if (pid === this.#unnamed) return true;
    if (this.firstPid !== undefined || !this.#bareSeen || this.#children.has(pid)) return false;
    if (this.#announced || !mayBeNew) return true;
    this.#children.add(pid);
    return false;
  }
}
