import { isLive, type MmId, NO_MM, type Task } from "@pagetrail/core";
import type { CaptureEvent, CountSample, Pointer, SwitchEvent, TaskSample } from "./capture.ts";
import { BEFORE_CAPTURE, type Cast } from "./cast.ts";
import type { Findings } from "./findings.ts";
import type { Foresight } from "./foresight.ts";
import type { Origin, Stage } from "./stage.ts";
import { type Delta, explain, type Pending } from "./transients.ts";

/** What a switch did to the count of an address space, in the model. */
interface Acted {
  readonly mm: MmId;
  readonly count: number;
}

const GRAB = "somebody of whom the capture does not tell";

/** Compares the kernel's values with the model's, and says of each difference what it comes from. */
export class Witness {
  /** Tasks whose exit has been told, and that still have an address space in the model. */
  readonly leaving = new Set<number>();
  /** Tasks that have a new address space already, and whose exec event is still to come. */
  readonly loaded = new Set<number>();
  /** Who takes down the mappings of an address space without users. */
  readonly #putters = new Map<MmId, number>();
  /** By CPU: what its last switch did, until its next event shows that it has acted. */
  readonly #acted = new Map<number, readonly Acted[]>();
  #grabs = 0;
  #at = 0;

  constructor(
    private readonly stage: Stage,
    private readonly cast: Cast,
    private readonly foresight: Foresight,
    private readonly findings: Findings,
  ) {}

  /** An event begins: whatever its CPU did before has acted. */
  begin(event: CaptureEvent, at: number): void {
    this.#at = at;
    this.#acted.delete(event.cpu);
    if (event.kind === "exec") this.#putDone(event.task.pid);
  }

  /** A task has given up an address space; if it was the last user, it takes the mappings down now. */
  put(before: Task | undefined, pid: number): void {
    const mm = before && before.mm !== NO_MM ? this.stage.mm(before.mm) : undefined;
    if (mm?.life === "borrowed") this.#putters.set(mm.id, pid);
  }

  #putDone(pid: number): void {
    for (const [mm, putter] of this.#putters) if (putter === pid) this.#putters.delete(mm);
  }

  /** A task makes its last switch. */
  gone(pid: number): void {
    this.#putDone(pid);
    this.leaving.delete(pid);
  }

  /** The counts that a switch may change, before it. */
  countsBefore(cpu: number, next: number): ReadonlyMap<MmId, number> {
    const ids = [this.stage.current(cpu).activeMm, this.stage.task(next, cpu)?.mm ?? NO_MM];
    return new Map(ids.map((id) => [id, this.stage.mm(id)?.mmCount ?? 0]));
  }

  acted(cpu: number, before: ReadonlyMap<MmId, number>): void {
    const changes = [...before].map(([mm, count]) => ({
      mm,
      count: (this.stage.mm(mm)?.mmCount ?? 0) - count,
    }));
    this.#acted.set(
      cpu,
      changes.filter(({ count }) => count !== 0),
    );
  }

  /** Every value of a switch, as the kernel had it before the switch acted. */
  compare(event: SwitchEvent): void {
    const { cpu, line } = event;
    this.#pointers(this.stage.task(event.prev.pid, cpu), event.prev, line);
    this.#pointers(this.stage.task(event.next.pid, cpu), event.next, line);
    for (const sample of event.counts) this.#counts(sample, event);
  }

  #pointers(task: Task | undefined, sample: TaskSample, line: number): void {
    this.#pointer(`mm of ${sample.pid}`, sample.mm, task?.mm, line);
    this.#pointer(`active_mm of ${sample.pid}`, sample.activeMm, task?.activeMm, line);
  }

  #pointer(what: string, pointer: Pointer | undefined, id: MmId | undefined, line: number): void {
    if (pointer === undefined) return;
    if (id !== undefined && this.stage.idOf(pointer) === id) this.findings.value();
    else {
      const model =
        id === undefined ? "no such task" : (this.stage.pointerOf(id) ?? `mm ${id}, not named yet`);
      this.findings.difference({ line, what, kernel: pointer, model });
    }
  }

  #counts(sample: CountSample, event: SwitchEvent): void {
    const id = this.stage.idOf(sample.mm);
    if (id === undefined) {
      this.findings.difference({
        line: event.line,
        what: `mm ${sample.mm}`,
        kernel: `counts ${sample.users} and ${sample.count}`,
        model: "free",
      });
      return;
    }
    const origin = { line: event.line, assumed: ["holder"] };
    if (this.cast.unsettled.delete(id)) this.#learn(id, sample, origin);
    const pending = this.#pending(id, event);
    const found = explain(this.#delta(id, sample), pending);
    if (found) this.findings.value(found);
    else if (this.#regrab(id, sample, pending, origin)) this.findings.value(["grab"]);
    else
      this.findings.difference({
        line: event.line,
        what: `counts of ${sample.mm}`,
        kernel: `${sample.users} and ${sample.count}`,
        model: `${this.stage.mm(id)?.mmUsers} and ${this.stage.mm(id)?.mmCount}`,
      });
  }

  #delta(id: MmId, { users, count }: CountSample): Delta {
    const mm = this.stage.mm(id);
    return { users: users - (mm?.mmUsers ?? 0), count: count - (mm?.mmCount ?? 0) };
  }

  /** The first sample of an address space from before the capture shows how many hold it without a name. */
  #learn(id: MmId, sample: CountSample, origin: Origin): void {
    if (sample.users === 0) this.#endUnseen(id, origin);
    const { users, count } = this.#delta(id, sample);
    this.findings.learned(Math.max(users, 0) + Math.max(count, 0));
    this.#hold(id, "users", users, BEFORE_CAPTURE, origin);
    this.#hold(id, "count", count, BEFORE_CAPTURE, origin);
  }

  /** An owner that was made up for an address space that has none. */
  #endUnseen(id: MmId, origin: Origin): void {
    const owner = this.stage.userOf(id);
    if (owner && this.cast.isUnseen(owner.pid)) this.stage.emit(owner.pid, { call: "exit", code: 0 }, origin);
  }

  #hold(id: MmId, counter: "users" | "count", times: number, name: string, origin: Origin): void {
    const target = this.stage.userOf(id);
    if (!target) return;
    for (let i = 0; i < times; i++)
      this.stage.emit(
        0,
        { call: "hold", target: target.pid, counter, holder: `${name}, ${++this.#grabs}` },
        origin,
      );
  }

  /**
   * Somebody takes or gives back a reference without a word: the least that makes the counts right, together with
   * what is pending. More than was taken cannot be given back.
   */
  #regrab(id: MmId, sample: CountSample, pending: readonly Pending[], origin: Origin): boolean {
    const held = (counter: "users" | "count"): readonly string[] =>
      this.stage.holders(id, counter, "somebody");
    const [users, count] = [held("users"), held("count")];
    const delta = this.#delta(id, sample);
    for (let most = 1; most <= MOST_GRABBED; most++) {
      for (let u = -Math.min(most, users.length); u <= most; u++) {
        const rest = most - Math.abs(u);
        for (const c of rest === 0 ? [0] : [rest, -rest]) {
          if (-c > count.length) continue;
          // Whoever gives back the last use takes the mappings down, and the users' reference with them.
          const ends = (this.stage.mm(id)?.mmUsers ?? 0) > 0 && this.stage.mm(id)?.mmUsers === -u ? 1 : 0;
          if (!explain({ users: delta.users - u, count: delta.count - c + ends }, pending)) continue;
          this.#change(id, "users", u, users, origin);
          this.#change(id, "count", c, count, origin);
          return true;
        }
      }
    }
    return false;
  }

  /** The kernel has freed this address space: whoever held it without a name has let go unseen. */
  letGo(id: MmId, origin: Origin): void {
    for (const counter of ["users", "count"] as const)
      for (const holder of this.stage.holders(id, counter, "somebody")) {
        this.stage.emit(0, { call: "release", holder }, { ...origin, assumed: ["holder"] });
        this.findings.transient("grab");
      }
  }

  #change(id: MmId, counter: "users" | "count", by: number, held: readonly string[], origin: Origin): void {
    this.#hold(id, counter, by, GRAB, origin);
    for (const holder of held.slice(0, Math.max(-by, 0)))
      this.stage.emit(0, { call: "release", holder }, origin);
  }

  /** What may be on its way at this moment, as far as it concerns one address space. */
  #pending(id: MmId, event: SwitchEvent): readonly Pending[] {
    const pending: Pending[] = [];
    for (const acted of this.#acted.values())
      for (const { mm, count } of acted)
        if (mm === id) pending.push({ transient: "in flight", states: [{ users: 0, count: -count }] });
    for (const { id: cpu } of this.stage.state.cpus.values())
      if (cpu !== event.cpu) pending.push(...this.#pendingOn(cpu, id));
    for (const pid of this.leaving) {
      const task = this.stage.task(pid, event.cpu);
      if (task?.mm === id && isLive(task)) pending.push(this.#exiting(id));
    }
    if (this.#putters.has(id)) pending.push({ transient: "put", states: [{ users: 0, count: 1 }] });
    return pending;
  }

  /** A task between its exit event and its next one has taken its lazy reference, or not; given up its use, or not. */
  #exiting(id: MmId): Pending {
    const last = this.stage.mm(id)?.mmUsers === 1;
    const states: Delta[] = [
      { users: 0, count: 1 },
      { users: -1, count: 1 },
    ];
    if (last) states.push({ users: -1, count: 0 });
    return { transient: "exit/exec", states };
  }

  /** What another CPU may have done of which its next event will tell. */
  #pendingOn(cpu: number, id: MmId): readonly Pending[] {
    const task = this.stage.current(cpu);
    if (task.mm !== id) return [];
    const runs = this.foresight.nextOn(cpu, this.#at)?.pid;
    if (runs !== undefined && runs !== Math.max(task.pid, 0))
      return [{ transient: "hidden", states: [{ users: 0, count: 1 }] }];
    if (this.foresight.execAhead(task.pid, this.#at))
      return [
        {
          transient: "exit/exec",
          states: [
            { users: -1, count: 0 },
            { users: -1, count: -1 },
          ],
        },
      ];
    if (this.foresight.sharesAhead(task.pid, this.#at))
      return [{ transient: "in flight", states: [{ users: 1, count: 0 }] }];
    return [];
  }
}

/** More references than this do not come or go between two events. */
const MOST_GRABBED = 4;
