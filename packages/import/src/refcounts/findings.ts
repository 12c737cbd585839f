import type { StrangeLine } from "./reader.ts";
import type { Transient } from "./transients.ts";

/** A value at which kernel and model part. */
export interface Difference {
  readonly line: number;
  readonly what: string;
  readonly kernel: string;
  readonly model: string;
}

/** What an import of a capture found, for the person who ran it. */
export interface RefcountSummary {
  readonly lines: number;
  readonly strange: { readonly count: number; readonly first: readonly StrangeLine[] };
  /** Events that the recorder lost: the rest cannot be relied upon. */
  readonly lost: number;
  readonly events: number;
  readonly cpus: number;
  readonly switches: {
    readonly total: number;
    /** Every value is the model's own. */
    readonly equal: number;
    /** Some value is off by what is on its way, and nothing else. */
    readonly transient: number;
    readonly different: number;
  };
  /** Values that were compared: mm, active_mm, and both counts of each address space. */
  readonly values: number;
  /** Values off by what is on its way, by the kind of it. */
  readonly transients: Readonly<Record<Transient, number>>;
  /** References from before the capture, whose holders it does not name. */
  readonly learned: number;
  readonly differences: { readonly count: number; readonly first: readonly Difference[] };
}

const SHOWN = 10;

/** Counts what a comparison with the kernel's own values meets. */
export class Findings {
  readonly #transients: Record<Transient, number> = {
    "in flight": 0,
    "exit/exec": 0,
    put: 0,
    grab: 0,
    hidden: 0,
  };
  readonly #differences: Difference[] = [];
  #different = 0;
  #values = 0;
  #learned = 0;
  #switches = { total: 0, equal: 0, transient: 0, different: 0 };
  /** The worst that the switch at hand has shown. */
  #worst: "equal" | "transient" | "different" = "equal";

  /** A value that is the model's, but for what these say. */
  value(transients: readonly Transient[] = []): void {
    this.#values += 1;
    for (const transient of transients) this.transient(transient);
  }

  transient(transient: Transient): void {
    this.#transients[transient] += 1;
    if (this.#worst === "equal") this.#worst = "transient";
  }

  learned(references: number): void {
    this.#learned += references;
  }

  difference(difference: Difference): void {
    this.#different += 1;
    this.#worst = "different";
    if (this.#differences.length < SHOWN) this.#differences.push(difference);
  }

  /** The switch at hand is done: what was found since the last counts for it. */
  endSwitch(): void {
    this.#switches.total += 1;
    this.#switches[this.#worst] += 1;
    this.#worst = "equal";
  }

  summary(about: Pick<RefcountSummary, "lines" | "strange" | "lost" | "events" | "cpus">): RefcountSummary {
    return {
      ...about,
      switches: { ...this.#switches },
      values: this.#values,
      transients: { ...this.#transients },
      learned: this.#learned,
      differences: { count: this.#different, first: this.#differences },
    };
  }
}
