import type { MmId } from "../base/index.ts";
import { kspaceText } from "../kspace/index.ts";
import {
  type MmDraft,
  type MmStep,
  type MmStruct,
  redoStep,
  sameVma,
  type Vma,
  type VmaStep,
} from "../mm/index.ts";
import { clusterVmas, MM_SCALARS, sameField, samePages, sameRecord } from "./diff-states.ts";
import {
  type CounterStep,
  type FrameStep,
  type KernelStep,
  type KspaceStep,
  type PteStep,
  RECORD_KINDS,
  type RecordStep,
  type SpaceStep,
  type TlbStep,
} from "./step.ts";

/**
 * The steps of consecutive events, one journal behind the other, as the steps of one: what was done and undone in
 * between is gone, and everything that changed is told once, with what it was before the first and is behind the
 * last. The same that `diffStates` finds between the two states.
 */
export function composeSteps(steps: readonly KernelStep[]): readonly KernelStep[] {
  const sum = new Sum();
  for (const step of steps) sum.add(step);
  return sum.steps();
}

class Sum {
  readonly #spaces = new Map<MmId, SpaceSum>();
  readonly #records = new Map<string, RecordStep>();
  #frame: FrameStep | undefined;
  #tlb: TlbStep | undefined;
  #kspace: KspaceStep | undefined;
  #counters: CounterStep | undefined;

  add(step: KernelStep): void {
    switch (step.kind) {
      case "vma":
      case "mm":
      case "space":
      case "pte":
        this.#space(step.mm).add(step);
        break;
      case "frame":
        this.#frame = { ...step, before: this.#frame?.before ?? step.before };
        break;
      case "tlb":
        this.#tlb = { ...step, before: this.#tlb?.before ?? step.before };
        break;
      case "kspace":
        this.#kspace = { ...step, before: this.#kspace?.before ?? step.before };
        break;
      case "counters":
        this.#counters = { ...step, before: this.#counters?.before ?? step.before };
        break;
      default: {
        const key = `${step.table} ${step.key}`;
        const known = this.#records.get(key);
        this.#records.set(key, known ? { ...step, before: known.before } : step);
      }
    }
  }

  steps(): readonly KernelStep[] {
    const spaces = [...this.#spaces].sort(([a], [b]) => a - b).flatMap(([, space]) => space.steps());
    const order = Object.values(RECORD_KINDS);
    const records = [...this.#records.values()]
      .filter(({ before, after }) => !sameRecord(before, after))
      .sort((x, y) => order.indexOf(x.kind) - order.indexOf(y.kind) || x.key - y.key);
    const steps: KernelStep[] = [...spaces, ...records];
    if (this.#frame && this.#frame.before !== this.#frame.after) steps.push(this.#frame);
    if (this.#tlb && this.#tlb.before !== this.#tlb.after) steps.push(this.#tlb);
    if (this.#kspace && kspaceText(this.#kspace.before) !== kspaceText(this.#kspace.after))
      steps.push(this.#kspace);
    if (this.#counters && !sameRecord(this.#counters.before, this.#counters.after))
      steps.push(this.#counters);
    return steps;
  }

  #space(mm: MmId): SpaceSum {
    const known = this.#spaces.get(mm);
    if (known) return known;
    const made = new SpaceSum(mm);
    this.#spaces.set(mm, made);
    return made;
  }
}

/** What steps did to one address space. An id is given once, so that one that came and went is as if it had not. */
class SpaceSum {
  /** What happened to one that is there before the first step, or, in `#born`, since it was made. */
  readonly #steps: (VmaStep | MmStep)[] = [];
  #pages: PteStep | undefined;
  #born: MmStruct | undefined;
  #gone: MmStruct | undefined;

  constructor(readonly mm: MmId) {}

  add(step: VmaStep | MmStep | SpaceStep | PteStep): void {
    if (step.kind === "pte") this.#pages = { ...step, before: this.#pages?.before ?? step.before };
    else if (step.kind !== "space") this.#steps.push(step);
    else if (step.after) this.#born = step.after;
    else this.#gone = step.before;
  }

  steps(): readonly KernelStep[] {
    const { mm } = this;
    const [born, gone] = [this.#born, this.#gone];
    if (born && gone) return [];
    if (born) {
      const after = { ...redone(born, this.#steps), ...(this.#pages && { pages: this.#pages.after }) };
      return [{ kind: "space", mm, before: undefined, after } satisfies SpaceStep];
    }
    if (gone) {
      const back = this.#steps
        .toReversed()
        .map((step) => ({ ...step, before: step.after, after: step.before }) as VmaStep | MmStep);
      const before = { ...redone(gone, back), ...(this.#pages && { pages: this.#pages.before }) };
      return [{ kind: "space", mm, before, after: undefined } satisfies SpaceStep];
    }
    const pages = this.#pages && !samePages(this.#pages.before, this.#pages.after) ? [this.#pages] : [];
    return [...this.#vmas(), ...this.#fields(), ...pages];
  }

  #vmas(): readonly VmaStep[] {
    const was = new Map<number, Vma>();
    const is = new Map<number, Vma>();
    for (const step of this.#steps) {
      if (step.kind !== "vma") continue;
      for (const vma of step.before) if (!is.delete(vma.start)) was.set(vma.start, vma);
      for (const vma of step.after) is.set(vma.start, vma);
    }
    for (const [start, vma] of was) {
      const now = is.get(start);
      if (!now || !sameVma(vma, now)) continue;
      was.delete(start);
      is.delete(start);
    }
    const sorted = (vmas: Map<number, Vma>): Vma[] => [...vmas.values()].sort((a, b) => a.start - b.start);
    return clusterVmas(sorted(was), sorted(is)).map((sides) => ({ kind: "vma", mm: this.mm, ...sides }));
  }

  #fields(): readonly MmStep[] {
    const fields = new Map<string, MmStep>();
    for (const step of this.#steps) {
      if (step.kind !== "mm") continue;
      const known = fields.get(step.field);
      fields.set(step.field, known ? { ...step, before: known.before } : step);
    }
    return MM_SCALARS.flatMap((field) => {
      const step = fields.get(field);
      return step && !sameField(step.before, step.after) ? [step] : [];
    });
  }
}

function redone(mm: MmStruct, steps: readonly (VmaStep | MmStep)[]): MmStruct {
  const draft: MmDraft = { ...mm, vmas: mm.vmas.clone() };
  for (const step of steps) redoStep(draft, step);
  return Object.freeze(draft);
}
