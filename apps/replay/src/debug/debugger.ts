import { mmOf, ok, type Pid, vmaName } from "@pagetrail/core";
import { symbolsBeginning } from "../address.ts";
import { stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { refused } from "../problem.ts";
import type { DebugSession } from "./session.ts";
import { bookmarkNames, processNumbers, VERBS, type Verb, type VerbEnd } from "./verbs.ts";

/** A command of the command line that a debugger runs about its log. */
export interface ViewCommand {
  readonly name: string;
  readonly what: string;
  /** It takes `--at`, `--pid`. */
  readonly at: boolean;
  readonly pid: boolean;
}

/** Runs a command line about the session's log; the exit code. */
export type RunWords = (words: readonly string[]) => Promise<number>;

/** Views of one process: without a choice it is the debugger's. `refs` and `diff` mean all unless told. */
const OF_A_PROCESS: ReadonlySet<string> = new Set([
  ...["maps", "smaps", "status", "statm", "pagemap", "vtop", "blame", "when", "bisect", "series"],
]);

const FAILED = 2;

/** Takes lines as a user types them, and does what they say. */
export class Debugger {
  readonly #views: ReadonlyMap<string, ViewCommand>;
  #last = "";

  constructor(
    readonly session: DebugSession,
    views: readonly ViewCommand[],
    private readonly runWords: RunWords,
    private readonly out: Output,
  ) {
    this.#views = new Map(views.map((view) => [view.name, view]));
  }

  get prompt(): string {
    return `(${this.session.place}) `;
  }

  /** Does a line; an empty one does the last again, if it was one that goes somewhere. */
  async line(text: string): Promise<VerbEnd> {
    const line = text.trim() === "" ? this.#last : text.trim();
    this.#last = "";
    if (line === "" || line.startsWith("#")) return ok("go on");
    const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    if (word === "help" || word === "h") return this.#help(rest);
    // As in rr, `when` alone says where this is.
    const named = word === "when" && rest === "" ? "where" : word;
    const verb = this.#verb(named);
    if (verb) {
      const end = await verb.run(
        { session: this.session, out: this.out, view: (...asked) => this.#view(...asked) },
        rest,
      );
      if (end.ok && verb.repeats) this.#last = line;
      return end;
    }
    const view = this.#views.get(named) ?? this.#only(named);
    if (!view) return refused({ what: `there is no '${word}'`, advice: `see help${this.#nearest(word)}` });
    return ok((await this.#view(view.name, wordsOf(rest))) ? "go on" : "failed");
  }

  #verb(word: string): Verb | undefined {
    const exact = VERBS.find(({ name, aliases }) => name === word || aliases?.includes(word));
    if (exact || this.#views.has(word)) return exact;
    const begun = VERBS.filter(({ name }) => name.startsWith(word));
    const views = [...this.#views.keys()].filter((name) => name.startsWith(word));
    return begun.length === 1 && views.length === 0 ? begun[0] : undefined;
  }

  #only(word: string): ViewCommand | undefined {
    const begun = [...this.#views.values()].filter(({ name }) => name.startsWith(word));
    return begun.length === 1 && !VERBS.some(({ name }) => name.startsWith(word)) ? begun[0] : undefined;
  }

  #nearest(word: string): string {
    const begun = [...VERBS.map(({ name }) => name), ...this.#views.keys()].filter((name) =>
      name.startsWith(word),
    );
    return begun.length > 1 ? `; it may be ${begun.join(" or ")}` : "";
  }

  /** A command about this log, at this moment and of this process unless it says otherwise. */
  async #view(name: string, given: readonly string[]): Promise<boolean> {
    const { session } = this;
    const view = this.#views.get(name);
    const words = [...given];
    if (name === "why" && words.length === 0) words.push(String(session.seq));
    if (name === "diff" && words.length === 1) words.push(String(session.seq));
    const isTold = (option: string): boolean =>
      words.some((word) => word === option || word.startsWith(`${option}=`));
    if (view?.at && !isTold("--at") && name !== "diff") words.push("--at", String(session.seq));
    const { pid } = session;
    if (view?.pid && OF_A_PROCESS.has(name) && pid !== undefined && !isTold("--pid"))
      words.push("--pid", String(pid));
    const placed = words.map((word) => this.#placed(name, word));
    return (await this.runWords([name, session.log.name, ...placed])) < FAILED;
  }

  /** Positions from here, in commands that take positions. */
  #placed(name: string, word: string): string {
    if (!["diff", "why", "events", "bookmark"].includes(name)) return word;
    return word.replaceAll(/(?<![^.]\.?)(^|\.\.)\.(?=[+-]|$)/g, (_, dots) => `${dots}${this.session.seq}`);
  }

  #help(word: string): VerbEnd {
    const verb = this.#verb(word);
    const view = this.#views.get(word);
    if (word === "") {
      const rows = VERBS.map((one) => [usage(one), one.what] as const);
      const width = Math.max(...rows.map(([left]) => left.length));
      for (const [left, what] of rows) this.out.line(`${left.padEnd(width)}  ${what}`);
      this.out.line("");
      this.out.line(`About this moment, as on the command line: ${[...this.#views.keys()].join(", ")}.`);
      this.out.line(
        "An empty line steps or goes on once more. Ctrl-C stops a search and stays where this is.",
      );
      return ok("go on");
    }
    if (verb) this.out.line(`${usage(verb)}\n  ${verb.what}`);
    else if (view) this.out.line(`${view.name}\n  ${view.what}`);
    else return refused({ what: `there is no '${word}'`, advice: "see help" });
    return ok("go on");
  }

  /** What the line may go on with: its last word's completions. */
  complete(line: string): readonly [readonly string[], string] {
    const [, before = "", word = ""] = /^(.*?)(\S*)$/s.exec(line) ?? [];
    const verb = before.trim().split(/\s+/)[0] ?? "";
    const candidates =
      before.trim() === "" ? this.#names() : this.#candidates(this.#verb(verb)?.name ?? verb, word);
    const begun = candidates.filter((one) => one.startsWith(word));
    const [only = ""] = begun;
    return [begun.length === 1 && !only.endsWith(":") ? [`${only} `] : begun, word];
  }

  #names(): readonly string[] {
    return ["help", ...VERBS.map(({ name }) => name), ...this.#views.keys()];
  }

  #candidates(verb: string, word: string): readonly string[] {
    if (verb === "help") return this.#names();
    if (verb === "info") return ["breakpoints", "bookmarks", "checkpoints", "log", "processes"];
    if (verb === "process") return processNumbers(this.session);
    if (["goto", "diff", "why", "events"].includes(verb))
      return ["start", "end", "line:", "time:", ...bookmarkNames(this.session).map((name) => `@${name}`)];
    if (["watch", "vtop", "blame", "pagemap"].includes(verb)) return this.#places(word);
    return [];
  }

  /** Names of what is mapped here, and of symbols once their beginning is known. */
  #places(word: string): readonly string[] {
    const { log, seq, pid } = this.session;
    const state = stateAt(log, seq);
    const mm = state.ok && pid !== undefined ? mmOf(state.value, pid as Pid) : undefined;
    if (!state.ok || !mm) return [];
    const names = mm.vmas.toArray().map((vma) => vmaName(state.value, mm, vma));
    const symbols = word === "" ? [] : symbolsBeginning(word, state.value, mm);
    return [...new Set([...names.filter((name) => name !== "").map(shortName), ...symbols])];
  }
}

const shortName = (name: string): string =>
  name.startsWith("[") ? name.slice(1, -1) : name.slice(name.lastIndexOf("/") + 1);

const usage = ({ name, aliases = [], takes }: Verb): string =>
  [[name, ...aliases].join(", "), takes].filter((part) => part !== undefined).join(" ");

/** Words as a shell divides them: quotes keep spaces. */
function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
}
