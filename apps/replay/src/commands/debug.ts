import { readFileSync } from "node:fs";
import { ok, type Result } from "@pagetrail/core";
import { Debugger, type RunWords, type ViewCommand } from "../debug/debugger.ts";
import { DebugSession } from "../debug/session.ts";
import { converse } from "../debug/terminal.ts";
import { Interrupted, type Io } from "../io.ts";
import { describeMoment } from "../moment.ts";
import { openLog } from "../open-log.ts";
import { Output } from "../output.ts";
import { fileProblem, type Problem, ProblemError, refused } from "../problem.ts";
import { PLAIN, styleFor } from "../text/style.ts";
import type { CommonOptions } from "./command.ts";

export interface DebugOptions extends CommonOptions {
  /** A file of lines to begin with. */
  readonly execute?: string;
  readonly batch?: boolean;
  /** On the whole terminal. */
  readonly screen?: boolean;
  readonly at: string;
}

/** What the command line lends its debugger. */
export interface DebugHost {
  readonly io: Io;
  readonly color: Parameters<Output["setColor"]>[0];
  readonly views: readonly ViewCommand[];
  /** Runs a command line with an output of its own. */
  readonly run: (words: readonly string[], out: Output) => Promise<number>;
}

const FAILED = 2;

/** Steps through a log, forward and back, with breakpoints; every view is at hand. */
export async function debugCommand(
  path: string,
  options: DebugOptions,
  host: DebugHost,
): Promise<Result<number, Problem>> {
  const isTerminal = host.io.stdout.isTTY && process.stdin.isTTY === true;
  if (options.screen === true && (options.batch === true || !isTerminal))
    return refused({
      what: options.batch ? "--screen and --batch exclude one another" : "--screen needs a terminal",
      advice: "leave --screen out",
    });
  const captured = new CapturedIo(host.io);
  const signal = new Renewed(options.screen ? captured : host.io);
  const out = new Output(signal);
  out.setColor(options.screen ? "always" : host.color);
  if (path === "-" && options.batch !== true)
    return refused({
      what: "standard input has the lines that you type",
      where: "-",
      advice: "write the log into a file",
    });
  const opened = await openLog(path, out);
  if (!opened.ok) return opened;
  out.keep(path, opened.value);
  const session = new DebugSession(opened.value, out);
  const words: RunWords = (line) => host.run(line, out);
  const shell = new Debugger(session, host.views, words, out);
  const begin = session.positionOf(options.at);
  if (!begin.ok) return begin;
  if (begin.value !== session.seq) session.goto(begin.value);
  const script = options.execute === undefined ? ok<readonly string[]>([]) : readScript(options.execute);
  if (!script.ok) return script;
  for (const [i, line] of script.value.entries()) {
    const end = await attempt(shell, line, out, signal);
    if (end === "quit") return ok(0);
    if (end === "failed") {
      out.note(`stopped at ${options.execute}, line ${i + 1}`);
      if (options.batch) return ok(FAILED);
      break;
    }
  }
  if (options.batch) return ok(0);
  if (options.screen) {
    const { runScreen } = await import("../screen/run-screen.ts");
    const coloured = styleFor(host.color, host.io.stdout, host.io.env) !== PLAIN;
    await runScreen({
      session,
      shell,
      coloured,
      doLine: async (line) => {
        captured.take();
        const goesOn = (await attempt(shell, line, out, signal)) !== "quit";
        return { goesOn, ...captured.take() };
      },
      interrupt: () => signal.abort(),
      onProgress: (show) => captured.listen(show),
    });
    return ok(0);
  }
  out.note(`${path}: ${describeMoment(opened.value, session.seq)}; help tells the verbs`);
  out.flush();
  await converse({
    prompt: () => shell.prompt,
    complete: (line) => shell.complete(line),
    line: async (line) => (await attempt(shell, line, out, signal)) !== "quit",
    interrupt: () => signal.abort(),
  });
  return ok(0);
}

async function attempt(
  shell: Debugger,
  line: string,
  out: Output,
  signal: Renewed,
): Promise<"go on" | "failed" | "quit"> {
  signal.renew();
  try {
    const end = await shell.line(line);
    if (end.ok) return end.value;
    out.problem(end.error);
    return "failed";
  } catch (error) {
    if (error instanceof ProblemError) {
      out.problem(error.problem);
      return "failed";
    }
    if (!(error instanceof Interrupted)) throw error;
    out.note(`interrupted; this is still ${describeMoment(shell.session.log, shell.session.seq)}`);
    return "failed";
  } finally {
    out.flush();
  }
}

/** The world with a Ctrl-C that can come more than once. */
class Renewed implements Io {
  readonly stdout: Io["stdout"];
  readonly stderr: Io["stderr"];
  readonly env: Io["env"];
  #controller = new AbortController();

  constructor({ stdout, stderr, env }: Io) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.env = env;
  }

  get interrupted(): AbortSignal {
    return this.#controller.signal;
  }

  renew(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }

  abort(): void {
    this.#controller.abort();
  }
}

/** Keeps what is printed, for a screen to show. */
class CapturedIo implements Io {
  readonly env: Io["env"];
  readonly interrupted: Io["interrupted"];
  #printed = "";
  #said = "";
  #listener: (text: string) => void = () => undefined;

  constructor({ env }: Io) {
    this.env = env;
    this.interrupted = new AbortController().signal;
  }

  readonly stdout: Io["stdout"] = {
    isTTY: false,
    write: (text) => {
      this.#printed += text;
    },
    writeBytes: () => undefined,
  };

  /** How far work is comes as lines that are renewed. */
  readonly stderr: Io["stderr"] = {
    isTTY: true,
    write: (text) => {
      if (text.startsWith("\r")) this.#listener(text.slice(1).trimEnd());
      else this.#said += text;
    },
  };

  listen(listener: (text: string) => void): void {
    this.#listener = listener;
  }

  take(): { readonly printed: string; readonly said: string } {
    const taken = { printed: this.#printed, said: this.#said };
    [this.#printed, this.#said] = ["", ""];
    return taken;
  }
}

function readScript(file: string): Result<readonly string[], Problem> {
  try {
    return ok(
      readFileSync(file === "-" ? 0 : file, "utf8")
        .split("\n")
        .filter((line, i, all) => line !== "" || i < all.length - 1),
    );
  } catch (error) {
    const problem = fileProblem(file, error);
    if (!problem) throw error;
    return refused(problem);
  }
}
