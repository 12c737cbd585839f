import { fail, ok, PAGE_SIZE, type Result } from "@pagetrail/core";
import type { Ask, VerbReader } from "./ask.ts";
import { type Judge, readAwaited, succeeds } from "./awaited.ts";
import { Cursor, type ScenarioProblem, Unreadable } from "./cursor.ts";
import { type Fact, readMachineFact, readProcessFact } from "./fact.ts";
import { type Machine, newMachine, profileOfMachine, readMachine } from "./machine.ts";
import { type MapsLine, mapsFact, readMapsLine } from "./maps-fact.ts";
import { MEMORY_VERBS } from "./memory-verbs.ts";
import { INDEXED, knownName, type Name, newName } from "./names.ts";
import { knownPath, needPath, takePid } from "./operands.ts";
import { PROCESS_VERBS } from "./process-verbs.ts";
import type { Scene, Value } from "./scene.ts";
import { SCHED_LINES } from "./sched-lines.ts";
import { NAME, Scope } from "./scope.ts";
import type { RequestLine, Scenario, Statement } from "./statement.ts";
import { needNumber, readRange, readValue, takeNumber } from "./value.ts";

/**
 * Reads the text of a scenario: docs/SCENARIOS.md has the language.
 *
 * Refuses, with line and column, the first thing that cannot stand where it stands.
 */
export function readScenario(text: string): Result<Scenario, ScenarioProblem> {
  try {
    return ok(new ScenarioReader(text).read());
  } catch (error) {
    if (error instanceof Unreadable) return fail(error.problem);
    throw error;
  }
}

const VERBS: Readonly<Record<string, VerbReader>> = { ...MEMORY_VERBS, ...PROCESS_VERBS };
const SUBJECT = new RegExp(`${INDEXED.source}\\s*:`);
/** A line without its comment; a # inside quotes is none. */
const UNCOMMENTED = /^(?:"(?:[^"\\]|\\.)*"|[^"#]|"(?![^"]*"))*/;

/** Words that a line may begin with, beside the name of a process. */
const OPENINGS = [
  "machine",
  "process",
  "file",
  "truncate",
  "kill",
  "coredump",
  "expect",
  "repeat",
  "for",
] as const;

class ScenarioReader {
  readonly #lines: readonly string[];
  readonly #scope = new Scope();
  readonly #machine: Machine = newMachine();
  /** Lines read so far. */
  #line = 0;
  /** Whether something ran already, so that the machine is what it is. */
  #booted = false;

  constructor(text: string) {
    this.#lines = text.split(/\r?\n/).map((line) => (UNCOMMENTED.exec(line)?.[0] ?? "").trimEnd());
  }

  read(): Scenario {
    const statements = this.#block(undefined);
    return { profile: profileOfMachine(this.#machine), statements };
  }

  /** Statements up to the `end` that closes what began at a line, or up to the last line. */
  #block(opened: number | undefined): readonly Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      const cursor = this.#next();
      if (!cursor) {
        if (opened !== undefined) throw this.#unclosed(opened);
        return statements;
      }
      if (opened !== undefined && !cursor.sees(SUBJECT) && cursor.word("end") !== undefined) {
        cursor.end();
        return statements;
      }
      const statement = this.#statement(cursor, opened !== undefined);
      if (statement) statements.push(statement);
    }
  }

  #unclosed(opened: number): Unreadable {
    const what = `the loop of line ${opened} has no end: expected a line that says end`;
    return new Unreadable({ line: this.#lines.length, column: 1, what });
  }

  /** The next line that is not empty. */
  #next(): Cursor | undefined {
    while (this.#line < this.#lines.length) {
      const text = this.#lines[this.#line] ?? "";
      this.#line += 1;
      if (text !== "") return new Cursor(text, this.#line);
    }
    return undefined;
  }

  /** How far in the next line stands that is not empty; -1 behind the last. */
  #nextIndent(): number {
    const next = this.#lines.slice(this.#line).find((line) => line !== "");
    return next === undefined ? -1 : indentOf(next);
  }

  #statement(cursor: Cursor, inLoop: boolean): Statement | undefined {
    if (cursor.sees(SUBJECT)) return this.#request(cursor);
    const { column } = cursor;
    const scheduled = this.#scheduled(cursor);
    if (scheduled) return scheduled;
    const word = cursor.word(...OPENINGS, ...(inLoop ? (["end"] as const) : []));
    switch (word) {
      case "machine":
        if (this.#booted) throw cursor.problem("machine lines stand before all others", column);
        readMachine(cursor, this.#machine);
        return undefined;
      case "process":
        return this.#process(cursor);
      case "file":
        return this.#file(cursor);
      case "truncate":
        return this.#truncate(cursor);
      case "kill":
      case "coredump":
        return this.#signal(cursor, word);
      case "expect":
        return this.#expectation(cursor);
      case "repeat":
      case "for":
        return this.#loop(cursor, word);
      default:
        return cursor.stop("a process and a colon, as in A:");
    }
  }

  /** What every line that asks has; `rest` may end it with an arrow. */
  #asking(cursor: Cursor, who: RequestLine["who"], ask: Ask, begin = 1): RequestLine {
    this.#booted = true;
    const column = cursor.take(/->/, "->") === undefined ? undefined : cursor.column;
    const judge: Judge = column === undefined ? succeeds : readAwaited(cursor, this.#scope);
    cursor.end();
    const { line } = cursor;
    return { kind: "request", line, text: cursor.text.trim(), who, ask, judge, column: column ?? begin };
  }

  #request(cursor: Cursor): RequestLine {
    const begin = cursor.column;
    const name = knownName(cursor, this.#scope, "process", "a process");
    cursor.need(/:/, ":");
    const verb = cursor.oneOf(...Object.keys(VERBS));
    const ask = VERBS[verb]?.(cursor, this.#scope) ?? cursor.stop();
    return this.#asking(cursor, (scene) => scene.caller(name.of(scene)), ask, begin);
  }

  #process(cursor: Cursor): RequestLine {
    const name = newName(cursor, this.#scope, "process", "a name for the process");
    const wanted = takePid(cursor);
    const who = (scene: Scene) => scene.hire(name.of(scene), wanted);
    const ask: Ask = (scene) => [
      { request: { call: "adopt", comm: name.of(scene), tgid: scene.subject }, given: { ret: 0 } },
    ];
    return this.#asking(cursor, who, ask);
  }

  #file(cursor: Cursor): RequestLine {
    const path = needPath(cursor);
    this.#scope.add("file", path);
    const size = needNumber(cursor, "a size");
    const tmpfs = cursor.word("tmpfs", "disk") === "tmpfs";
    const cached = cursor.word("cached") !== undefined;
    const kind = tmpfs ? "shmem" : "disk";
    const ask: Ask = (scene) => {
      const file = scene.setFile({ path, kind, readable: true, writable: true, deleted: false, size });
      const declared = { request: { call: "file", file }, given: { ret: 0 } } as const;
      const end = Math.ceil(size / PAGE_SIZE);
      if (!cached || end === 0) return [declared];
      return [declared, { request: { call: "cached", file: file.id, start: 0, end }, given: { ret: 0 } }];
    };
    return this.#asking(cursor, (scene) => scene.subject, ask);
  }

  #truncate(cursor: Cursor): RequestLine {
    const path = knownPath(cursor, this.#scope);
    const size = needNumber(cursor, "a size");
    const ask: Ask = (scene) => {
      const file = scene.setFile({ ...scene.file(path), size });
      return [{ request: { call: "file", file }, given: { ret: 0 } }];
    };
    return this.#asking(cursor, (scene) => scene.subject, ask);
  }

  /** A line about CPUs, kernel threads or references. */
  #scheduled(cursor: Cursor): RequestLine | undefined {
    const word = cursor.word(...Object.keys(SCHED_LINES));
    const line = word === undefined ? undefined : SCHED_LINES[word]?.(cursor, this.#scope);
    return line && this.#asking(cursor, line.who, line.ask);
  }

  #signal(cursor: Cursor, call: "kill" | "coredump"): RequestLine {
    const name = knownName(cursor, this.#scope, "process", "a process");
    const signal = cursor.need(/SIG[A-Z0-9]+/, "a signal such as SIGKILL");
    const ask: Ask = () => [{ request: { call, signal }, given: { gone: signal } }];
    const line = this.#asking(cursor, (scene) => scene.victim(name.of(scene)), ask);
    // Being killed is what the line asks for.
    return line.judge === succeeds ? { ...line, judge: () => undefined } : line;
  }

  #expectation(cursor: Cursor): Statement {
    const { column } = cursor;
    this.#booted = true;
    const fact = readMachineFact(cursor, this.#scope) ?? this.#processFact(cursor);
    cursor.end();
    return { kind: "expectation", line: cursor.line, text: cursor.text.trim(), column, fact };
  }

  #processFact(cursor: Cursor): Fact {
    const subject = knownName(cursor, this.#scope, "process", "a process");
    return cursor.word("maps") === undefined
      ? readProcessFact(cursor, this.#scope, subject)
      : this.#mapsFact(cursor, subject);
  }

  /** The lines of mappings are those that stand further in than the line that expects them. */
  #mapsFact(cursor: Cursor, subject: Name): Fact {
    const window = cursor.word("in") === undefined ? undefined : readRange(cursor, this.#scope);
    cursor.end();
    const indent = indentOf(cursor.text);
    const lines: MapsLine[] = [];
    while (this.#nextIndent() > indent) {
      const next = this.#next();
      if (next) lines.push(readMapsLine(next, this.#scope));
    }
    return mapsFact(subject, window, lines);
  }

  #loop(cursor: Cursor, word: "repeat" | "for"): Statement {
    const { line } = cursor;
    const told = { kind: "loop", line, text: cursor.text.trim() } as const;
    if (word === "repeat") {
      const times = takeNumber(cursor, "a number of rounds") ?? cursor.stop();
      cursor.end();
      return { ...told, from: () => 0n, to: () => times, body: this.#block(line) };
    }
    const counter = cursor.need(NAME, "a name for the counter");
    cursor.oneOf("in");
    const from: Value = readValue(cursor, this.#scope, "a number");
    cursor.need(/\.\./, "..");
    const to: Value = readValue(cursor, this.#scope, "a number");
    cursor.end();
    const outer = this.#scope.has("address", counter);
    this.#scope.add("address", counter);
    const body = this.#block(line);
    if (!outer) this.#scope.delete("address", counter);
    return { ...told, counter, from, to, body };
  }
}

const indentOf = (line: string): number => line.length - line.trimStart().length;
