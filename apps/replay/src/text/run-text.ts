import type { Outcome } from "@pagetrail/core";
import { type Happening, outcomeWords, type Scenario } from "@pagetrail/import";
import type { Output } from "../output.ts";
import { count, counted } from "./numbers.ts";
import { outcomeHex } from "./outcome.ts";

/** Columns that a line's own text takes at most before its outcome. */
const WIDEST = 64;

/**
 * Prints the lines of a scenario as they run, each with what came of it. Of a loop, only lines that end
 * otherwise than in the round before.
 */
export class RunPrinter {
  readonly #out: Output;
  readonly #path: string;
  readonly #width: number;
  /** How each line ended when it was last printed. */
  readonly #ends = new Map<number, string>();
  #hidden = 0;

  constructor(path: string, scenario: Scenario, out: Output) {
    this.#path = path;
    this.#out = out;
    this.#width = Math.min(WIDEST, widest(scenario.statements));
  }

  take(happening: Happening): void {
    const { line, text, failure } = happening;
    const end = endText(happening);
    const kind = `${endKind(happening)} ${failure?.what ?? ""}`;
    if (this.#ends.get(line) === kind) {
      this.#hidden += 1;
      return;
    }
    this.flush();
    this.#ends.set(line, kind);
    const number = this.#out.style.dim(String(line).padStart(4));
    this.#out.line(`${number}  ${text.padEnd(this.#width)}  ${end}`);
    if (!failure) return;
    const place = `${this.#path}:${line}:${failure.column}`;
    this.#out.line(this.#out.style.changed(`${place}: ${failure.what}`));
  }

  /** Says how many lines were left out since the last one that was printed. */
  flush(): void {
    if (this.#hidden === 0) return;
    this.#out.line(
      this.#out.style.dim(`   …  ${counted(this.#hidden, "line")} of further rounds, ending alike`),
    );
    this.#hidden = 0;
  }
}

function widest(statements: Scenario["statements"]): number {
  const widths = statements.map((s) => (s.kind === "loop" ? widest(s.body) : s.text.length));
  return Math.max(0, ...widths);
}

const isDone = (outcome: Outcome): boolean => "ret" in outcome && outcome.ret === 0;

function endText(happening: Happening): string {
  if (happening.kind === "expectation") return happening.failure ? "not so" : "ok";
  const { outcome, faults } = happening;
  if (!outcome) return "cannot run";
  const words = isDone(outcome) ? "ok" : outcomeWords(outcome);
  const all = faults.minor + faults.major;
  const major = faults.major === 0 ? "" : `, ${count(faults.major)} of them major`;
  return all === 0 ? words : `${words}, ${counted(all, "fault")}${major}`;
}

/** The same without what may differ from round to round: which address, which pid. */
function endKind(happening: Happening): string {
  if (happening.kind === "expectation") return "";
  const { outcome, faults } = happening;
  const kind = !outcome ? "" : "ret" in outcome ? "ret" : outcomeWords(outcome).replace(/ at 0x.*$/, "");
  return `${kind} ${faults.minor} ${faults.major}`;
}

/** A line that ran, as --json has it. */
export function happeningJson(happening: Happening): Readonly<Record<string, unknown>> {
  const { kind, line, text, failure } = happening;
  const failed = failure ? { column: failure.column, what: failure.what } : null;
  if (happening.kind === "expectation") return { kind, line, text, failure: failed };
  const { seq, outcome, faults } = happening;
  return {
    kind,
    line,
    text,
    seq: seq ?? null,
    outcome: outcome ? outcomeHex(outcome) : null,
    faults: faults.minor + faults.major,
    major: faults.major,
    failure: failed,
  };
}
