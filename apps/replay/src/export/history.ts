import {
  advanceState,
  diffTrees,
  type Event,
  type KernelState,
  type MmId,
  type MmStruct,
  type Pid,
  permissions,
  type Vma,
  vmaName,
} from "@pagetrail/core";

/** An address space, named by the process that it was made for. */
export interface Space {
  readonly id: MmId;
  readonly pid: number;
  readonly comm: string;
  /** The event that made it, or the first that is looked at. */
  readonly since: number;
}

/** A mapping that stays as it is from the event `since` on. Places are counted in pages. */
export interface Mapping {
  /** Counts the mappings of a history. */
  readonly id: number;
  readonly space: Space;
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  /** As maps prints it; empty for anonymous memory. */
  readonly name: string;
  readonly since: number;
}

/** What one event did to the mappings and the numbers of address spaces. */
export interface Happening {
  readonly event: Event;
  readonly after: KernelState;
  /** The process that did it, where it is known. */
  readonly pid: number | undefined;
  /** Address spaces that are no longer what they were, still there or gone. */
  readonly changed: readonly SpaceNow[];
  readonly mapped: readonly Mapping[];
  readonly unmapped: readonly Mapping[];
}

export interface SpaceNow {
  readonly space: Space;
  /** Undefined once it is gone. */
  readonly mm: MmStruct | undefined;
}

/** An address space and its mappings by their first page. */
interface Known {
  readonly space: Space;
  readonly mappings: Map<number, Mapping>;
}

/** Follows the mappings of every address space, event by event. */
export class History {
  readonly #spaces = new Map<MmId, Known>();
  #state: KernelState;
  #made = 0;

  /** @param state where it begins */
  constructor(state: KernelState) {
    this.#state = state;
  }

  /** What is mapped where it begins. */
  begin(): Omit<Happening, "event" | "pid"> {
    const mapped: Mapping[] = [];
    const changed = [...this.#state.mms.values()].flatMap((mm) => {
      if (mm.kernel) return [];
      const known = this.#meet(mm, this.#state.seq);
      for (const vma of mm.vmas) mapped.push(this.#map(known, mm, vma, this.#state.seq));
      return [{ space: known.space, mm }];
    });
    return { after: this.#state, changed, mapped, unmapped: [] };
  }

  /** Executes the next event. */
  step(event: Event): Happening {
    const before = this.#state;
    const { state: after } = advanceState(before, event);
    this.#state = after;
    const changed: SpaceNow[] = [];
    const mapped: Mapping[] = [];
    const unmapped: Mapping[] = [];
    before.mms.diff(after.mms, (id, was, now) => {
      const mm = now ?? was;
      if (!mm || mm.kernel) return;
      const known = this.#spaces.get(id) ?? this.#meet(mm, event.seq);
      this.#follow(known, was, now, event.seq, { mapped, unmapped });
      changed.push({ space: known.space, mm: now });
      if (!now) this.#spaces.delete(id);
    });
    const task = after.tasks.get(event.tid) ?? before.tasks.get(event.tid);
    return { event, after, pid: task?.tgid, changed, mapped, unmapped };
  }

  #follow(
    known: Known,
    was: MmStruct | undefined,
    now: MmStruct | undefined,
    seq: number,
    { mapped, unmapped }: { readonly mapped: Mapping[]; readonly unmapped: Mapping[] },
  ): void {
    const come: Vma[] = [];
    const visit = (vma: Vma | undefined, next: Vma | undefined): void => {
      const mapping = vma && known.mappings.get(vma.start);
      if (mapping && next && now && this.#isSame(mapping, now, next)) return;
      if (vma && mapping) {
        unmapped.push(mapping);
        known.mappings.delete(vma.start);
      }
      if (next) come.push(next);
    };
    if (was && now) diffTrees(was.vmas, now.vmas, visit);
    else for (const vma of (was ?? now)?.vmas ?? []) visit(was ? vma : undefined, now ? vma : undefined);
    if (now) for (const vma of come) mapped.push(this.#map(known, now, vma, seq));
  }

  #isSame(mapping: Mapping, mm: MmStruct, vma: Vma): boolean {
    return (
      mapping.end === vma.end &&
      mapping.permissions === permissions(vma) &&
      mapping.name === vmaName(this.#state, mm, vma)
    );
  }

  #map({ space, mappings }: Known, mm: MmStruct, vma: Vma, since: number): Mapping {
    this.#made += 1;
    const mapping: Mapping = {
      id: this.#made,
      space,
      start: vma.start,
      end: vma.end,
      permissions: permissions(vma),
      name: vmaName(this.#state, mm, vma),
      since,
    };
    mappings.set(vma.start, mapping);
    return mapping;
  }

  #meet({ id }: MmStruct, since: number): Known {
    const owner = [...this.#state.tasks.values()].find((task) => task.mm === id);
    const leader = owner && (this.#state.tasks.get(owner.tgid as Pid) ?? owner);
    const space = { id, pid: leader?.tgid ?? 0, comm: leader?.comm ?? "?", since };
    const known = { space, mappings: new Map<number, Mapping>() };
    this.#spaces.set(id, known);
    return known;
  }
}

/** When events happened: in microseconds from the first, where the recording has times, else one event is one. */
export class Clock {
  readonly timed: boolean;
  readonly #start: number;
  #now = 0;

  /** @param start the time of the first event that has one */
  constructor(start: number | undefined) {
    this.timed = start !== undefined;
    this.#start = start ?? 0;
  }

  get now(): number {
    return this.#now;
  }

  /** Takes the time of the next event; it never goes back. */
  advance({ seq, time }: Event): void {
    if (!this.timed) this.#now = seq;
    else if (time !== undefined) this.#now = Math.max(this.#now, Math.round((time - this.#start) * 1e6));
  }
}
