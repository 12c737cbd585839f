import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";

const REMEMBERED = 1000;

/** What a line editor is told of the one who answers. */
export interface Prompter {
  prompt(): string;
  complete(line: string): readonly [readonly string[], string];
  /** Does a line; false ends the session. */
  line(text: string): Promise<boolean>;
  /** Stops what `line` is doing. */
  interrupt(): void;
}

/** Reads lines from standard input until it ends or a line says so; on a terminal they can be edited. */
export async function converse(prompter: Prompter): Promise<void> {
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const lines: string[] = [];
  let [ended, waiting]: [boolean, (() => void) | undefined] = [false, undefined];
  const rl = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal,
    completer: (line: string) => prompter.complete(line) as [string[], string],
    history: terminal ? readHistory() : [],
    historySize: REMEMBERED,
    removeHistoryDuplicates: true,
  });
  const wake = (): void => {
    waiting?.();
    waiting = undefined;
  };
  const interrupt = (): void => {
    prompter.interrupt();
    // As a shell does, with what was typed left behind.
    if (waiting) {
      process.stdout.write("^C\n");
      rl.write(null, { ctrl: true, name: "u" });
      rl.prompt();
    }
  };
  rl.on("line", (line) => {
    lines.push(line);
    wake();
  });
  rl.on("close", () => {
    ended = true;
    wake();
  });
  rl.on("history", (history: string[]) => saveHistory(history));
  rl.on("SIGINT", interrupt);
  process.on("SIGINT", interrupt);
  try {
    for (;;) {
      const line = await next(
        rl,
        prompter,
        terminal,
        () => lines.shift(),
        () => ended,
        (resume) => {
          waiting = resume;
        },
      );
      if (line === undefined || !(await prompter.line(line))) break;
    }
  } finally {
    process.off("SIGINT", interrupt);
    rl.close();
    if (terminal) process.stdout.write(ended ? "\n" : "");
  }
}

async function next(
  rl: Interface,
  prompter: Prompter,
  terminal: boolean,
  take: () => string | undefined,
  isOver: () => boolean,
  wait: (resume: () => void) => void,
): Promise<string | undefined> {
  if (terminal) {
    rl.setPrompt(prompter.prompt());
    rl.prompt();
  }
  for (;;) {
    const line = take();
    if (line !== undefined || isOver()) return line;
    await new Promise<void>(wait);
  }
}

function historyFile(): string {
  const state = process.env.XDG_STATE_HOME ?? "";
  return join(state === "" ? join(homedir(), ".local/state") : state, "pagetrail", "history");
}

/** The latest line first, as readline has it. */
function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .reverse();
  } catch {
    return [];
  }
}

/** Where it cannot be kept, the session goes on without. */
function saveHistory(latestFirst: readonly string[]): void {
  try {
    mkdirSync(dirname(historyFile()), { recursive: true });
    writeFileSync(historyFile(), `${[...latestFirst].reverse().join("\n")}\n`, { mode: 0o600 });
  } catch {}
}
