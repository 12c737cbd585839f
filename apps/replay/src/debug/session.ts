import { mmOf, ok, type Pid, type Result } from "@pagetrail/core";
import { anyChangeAt, type Expression, type Found, search } from "@pagetrail/core/search";
import { findPages } from "../address.ts";
import { readExpression, readSum } from "../expression.ts";
import { describeMoment } from "../moment.ts";
import { executed, type LoadedLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment } from "../position.ts";
import { type Problem, refused } from "../problem.ts";
import { chooseProcess } from "../process-choice.ts";
import { openSearchIndex } from "../search-index-file.ts";
import { EventText } from "../text/event-text.ts";
import { count } from "../text/numbers.ts";
import { type StopPoint, StopPoints, searchFor } from "./stop-points.ts";

export type Direction = "forward" | "backward";

/** Where a debugger stands in a log, and what stops it. Nothing is changed by looking: any moment can be gone to. */
export class DebugSession {
  readonly points = new StopPoints();
  /** Moments to come back to, by number. */
  readonly checkpoints: { readonly seq: number; readonly name: string }[] = [];
  readonly #text: EventText;
  #seq: number;
  /** Where it stood before it last moved. */
  #before: number;
  #pid: number | undefined;

  constructor(
    readonly log: LoadedLog,
    private readonly out: Output,
  ) {
    this.#seq = log.timeline.first;
    this.#before = this.#seq;
    this.#text = new EventText(out.style);
  }

  get seq(): number {
    return this.#seq;
  }

  get before(): number {
    return this.#before;
  }

  /** The process that was chosen, or else the first that is there; undefined where there is none. */
  get pid(): number | undefined {
    const state = stateAt(this.log, this.#seq);
    if (this.#pid !== undefined || !state.ok) return this.#pid;
    const chosen = chooseProcess(this.log, state.value, undefined);
    return chosen.ok ? chosen.value.task.pid : undefined;
  }

  choose(pid: number): Result<string, Problem> {
    const state = stateAt(this.log, this.#seq);
    if (!state.ok) return state;
    const chosen = chooseProcess(this.log, state.value, pid);
    if (!chosen.ok) return chosen;
    this.#pid = pid;
    return ok(chosen.value.label);
  }

  /** `57 sh:4242`: what the prompt says. */
  get place(): string {
    const { pid } = this;
    const state = stateAt(this.log, this.#seq);
    const comm = pid === undefined || !state.ok ? undefined : state.value.tasks.get(pid as Pid)?.comm;
    return pid === undefined ? `${this.#seq}` : `${this.#seq} ${comm ?? "?"}:${pid}`;
  }

  /** A position as commands take it; `.` is here, and +5 or -5 are counted from here. */
  positionOf(text: string): Result<number, Problem> {
    const relative = /^(?:\.|(?=[+-]))([+-]\d+)?$/.test(text) ? `${this.#seq}${text.replace(".", "")}` : text;
    const moment = findMoment(relative, this.log);
    if (!moment.ok) return refused({ what: moment.error, where: text, advice: "see help goto" });
    if (moment.value.note) this.out.note(moment.value.note);
    return ok(moment.value.seq);
  }

  /** Goes to a moment and shows the event behind which that is. */
  goto(seq: number): Result<undefined, Problem> {
    const state = stateAt(this.log, seq);
    if (!state.ok) return state;
    this.#before = this.#seq;
    this.#seq = seq;
    this.show();
    return ok(undefined);
  }

  show(): void {
    const { timeline } = this.log;
    const event = timeline.eventAt(this.#seq);
    this.#text.learnUpTo(timeline.events, this.#seq);
    this.out.line(event ? this.#text.line(event) : describeMoment(this.log, this.#seq));
  }

  /**
   * Goes so many events on or back.
   *
   * @param own only events of the chosen process count
   */
  step(direction: Direction, times: number, own: boolean): Result<undefined, Problem> {
    const { first, last } = this.log.timeline;
    const way = direction === "forward" ? 1 : -1;
    const pid = own ? this.pid : undefined;
    let seq = this.#seq;
    for (let n = 0; n < times; n++) {
      do seq += way;
      while (seq > first && seq <= last && pid !== undefined && !this.#isOf(seq, pid));
      if (seq <= first || seq > last) break;
    }
    const end = Math.min(Math.max(seq, first), last);
    if (end === this.#seq) {
      this.out.note(direction === "forward" ? "this is the end of the log" : "this is the start of the log");
      return ok(undefined);
    }
    return this.goto(end);
  }

  /** Whether a thread of this process asked for the event. */
  #isOf(seq: number, pid: number): boolean {
    const event = this.log.timeline.eventAt(seq);
    if (!event || event.tid === pid) return event !== undefined;
    const state = stateAt(this.log, seq - 1);
    return state.ok && state.value.tasks.get(event.tid)?.tgid === pid;
  }

  /** Stops where an expression holds or comes true. */
  breakAt(text: string): Result<StopPoint, Problem> {
    const read = readExpression(text, this.log, this.#pid);
    return read.ok ? ok(this.points.set("breakpoint", text, read.value.value)) : read;
  }

  /** Stops wherever memory changes, a number does, or an expression comes true or untrue. */
  watch(text: string): Result<StopPoint, Problem> {
    const memory = this.#memory(text);
    if (memory) return ok(this.points.set("watchpoint", text, memory));
    const read = readExpression(text, this.log, this.#pid);
    if (read.ok) return ok(this.points.set("watchpoint", text, read.value.value));
    const sum = readSum(text, this.log, this.#pid);
    if (sum.ok) return ok(this.points.set("watchpoint", text, { kind: "changed", of: sum.value.value }));
    if (!/^[\w.+/-]+$/.test(text)) return read;
    return refused({
      what: "nothing of this name is mapped here, and it is no number or condition",
      where: text,
      advice: "name a mapping of this moment, an address, or an expression of docs/EXPRESSIONS.md",
    });
  }

  #memory(text: string): Expression | undefined {
    const { pid } = this;
    const state = stateAt(this.log, this.#seq);
    const mm = pid === undefined || !state.ok ? undefined : mmOf(state.value, pid as Pid);
    if (!state.ok || !mm || /\s/.test(text)) return undefined;
    const range = findPages(text, state.value, mm);
    return range.ok ? anyChangeAt({ kind: "pid", pid: pid as Pid }, range.value) : undefined;
  }

  /** Goes to the nearest stop, or to the log's end or start. */
  async goOn(direction: Direction): Promise<Result<undefined, Problem>> {
    const { first, last } = this.log.timeline;
    const hits: StopPoint[] = [];
    let nearest = direction === "forward" ? last : first;
    for (const point of this.points.all) {
      const found = await this.#find(point, nearest, direction);
      if (!found.ok) return found;
      if (found.value === undefined) continue;
      if (found.value !== nearest) hits.length = 0;
      nearest = found.value;
      hits.push(point);
    }
    for (const point of hits) {
      point.hits += 1;
      this.out.note(`${point.kind} ${point.number}: ${point.text}`);
    }
    if (hits.length === 0)
      this.out.note(direction === "forward" ? "the end of the log" : "the start of the log");
    return this.goto(nearest);
  }

  /** Goes to the nearest event where an expression holds or comes true, past all stop points. */
  async find(text: string, direction: Direction): Promise<Result<undefined, Problem>> {
    const read = readExpression(text, this.log, this.#pid);
    if (!read.ok) return read;
    const { first, last } = this.log.timeline;
    const point = { number: 0, kind: "breakpoint", text, expression: read.value.value, hits: 0 } as const;
    const found = await this.#find(point, direction === "forward" ? last : first, direction);
    if (!found.ok) return found;
    if (found.value !== undefined) return this.goto(found.value);
    const way = direction === "forward" ? "from here on" : "before";
    return refused({ what: `it is so nowhere ${way}`, where: text, advice: "this stays where it is" });
  }

  async #find(
    point: StopPoint,
    nearest: number,
    direction: Direction,
  ): Promise<Result<number | undefined, Problem>> {
    const index = await openSearchIndex(this.log, this.out);
    if (!index.ok) return index;
    const at = this.#seq;
    if (direction === "backward" && at - 1 <= nearest) return ok(undefined);
    const asked = searchFor(point, { at, nearest, direction });
    const searching = search(this.log.timeline, { ...asked, index: index.value });
    const progress = this.out.progress("searching");
    try {
      for (;;) {
        const step = executed(this.log.name, () => searching.next());
        if (!step.ok) return step;
        if (step.value.done) return ok(undefined);
        const found: Found = step.value.value;
        if (found.kind === "found" && found.event && found.seq !== at) return ok(found.seq);
        const wait = progress.tick(() => `event ${count(found.seq)} of ${count(this.log.timeline.last)}`);
        if (wait) await wait;
      }
    } finally {
      progress.end();
    }
  }
}
