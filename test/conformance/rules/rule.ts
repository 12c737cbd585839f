import type { Child, LiveMoment, LiveRun, Operation, Surroundings } from "@pagetrail/conformance";

/** What an operation may depend on besides itself: where things are in the process that does it. */
export interface Scene {
  readonly start: LiveRun;
  /** The address space before the operation, and what each operation so far has answered. */
  readonly before: LiveMoment;
  readonly answers: readonly string[];
  readonly surroundings: Surroundings;
}

export type Doing = Operation | ((scene: Scene) => Operation);

/** Says what is wrong with a moment; undefined when it is as it must be. */
export type Look = (after: LiveMoment, scene: Scene) => string | undefined;

/** An operation with what must come of it, or only a look at what has come of those before. */
export interface Step {
  readonly doing?: Doing;
  readonly looks: readonly Look[];
}

/** Steps may be given one by one or as a list: a row of several mappings is several calls. */
export type Part = Step | readonly Part[];

/** Why a rule cannot be put to this machine's kernel; undefined when it can. */
export type Need = (surroundings: Surroundings) => string | undefined;

/** One claim about the kernel, with the example that shows it. */
export interface Rule {
  /** The claim, as a sentence. */
  readonly name: string;
  readonly child: Child;
  readonly needs: readonly Need[];
  readonly steps: readonly Step[];
}

export interface Section {
  readonly title: string;
  readonly rules: readonly Rule[];
}

export const section = (title: string, rules: readonly (Rule | readonly Rule[])[]): Section => ({
  title,
  rules: rules.flat(),
});

/** What a rule is told about besides its steps. */
export interface Where {
  readonly on?: Child;
  readonly needs?: readonly Need[];
}

const flat = (parts: readonly Part[]): readonly Step[] =>
  parts.flatMap((part) => ("looks" in part ? [part] : flat(part)));

/** A rule for the given kind of process; `rule` itself is for an ordinary 64-bit one. */
export const ruleFor =
  (plain: Child) =>
  (name: string, ...parts: readonly (Part | Where)[]): Rule => {
    const isPart = (part: Part | Where): part is Part => Array.isArray(part) || "looks" in part;
    const where = parts.find((part): part is Where => !isPart(part)) ?? {};
    const steps = flat(parts.filter(isPart));
    return { name, child: where.on ?? plain, needs: where.needs ?? [], steps };
  };

/** An operation that must succeed. */
export const does = (doing: Doing): Step => ({ doing, looks: [succeeds] });

/** One more look at what the last of the steps leaves, in place of that it succeeds if `instead`. */
export function lookingAt(part: Part, look: Look, instead = false): readonly Step[] {
  const steps = flat([part]);
  const last = steps.at(-1);
  if (!last) throw new Error("there is no step to look at");
  const looks = instead ? last.looks.filter((one) => one !== succeeds) : last.looks;
  return [...steps.slice(0, -1), { ...last, looks: [...looks, look] }];
}

const succeeds: Look = ({ result }) => (result.startsWith("0x") ? undefined : `answers ${result}`);
