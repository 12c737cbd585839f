/** What a key does: a line for the debugger, or a question whose answer becomes one. */
export interface Key {
  readonly names: readonly string[];
  readonly line?: string;
  /** What is asked, and the verb of which the answer is the rest. */
  readonly asks?: { readonly prompt: string; readonly verb: string };
}

/** The keys as terminals name them; those of a line do what the verb of the debugger does. */
export const KEYS: readonly Key[] = [
  { names: ["s", "RIGHT"], line: "step" },
  { names: ["r", "LEFT"], line: "reverse-step" },
  { names: ["n"], line: "next" },
  { names: ["N"], line: "reverse-next" },
  { names: ["c"], line: "continue" },
  { names: ["C"], line: "reverse-continue" },
  { names: ["HOME"], line: "goto start" },
  { names: ["END"], line: "goto end" },
  { names: ["g"], asks: { prompt: "go to", verb: "goto" } },
  { names: ["/"], asks: { prompt: "search", verb: "search" } },
  { names: ["?"], asks: { prompt: "search back", verb: "reverse-search" } },
  { names: ["b"], asks: { prompt: "break where", verb: "break" } },
  { names: ["w"], asks: { prompt: "watch", verb: "watch" } },
  { names: ["p"], asks: { prompt: "process", verb: "process" } },
  { names: [":"], asks: { prompt: ":", verb: "" } },
];

/** Keys that move by a part of the log. */
export const SCRUB: Readonly<Record<string, number>> = { "[": -0.01, "]": 0.01, "{": -0.1, "}": 0.1 };

/** Few enough lines for the smallest screen. */
export const HELP: readonly (readonly [string, string])[] = [
  ["s r Right Left", "one event on, back"],
  ["n N", "on, back to an event of the process"],
  ["c C", "go on, back to the next breakpoint or watchpoint"],
  ["[ ] { }", "a hundredth, a tenth of the log back and on"],
  ["Home End", "the start, the end of the log"],
  ["g", "go to a position: 57, 50%, line:123, @bookmark"],
  ["/ ?", "search an expression, on or back"],
  ["b w", "set a breakpoint, a watchpoint"],
  ["p Tab", "choose a process, or take the next one"],
  [":", "any verb of the debugger; what it prints covers the panes"],
  ["Up Down PgUp PgDn", "scroll the map, or what covers the panes"],
  ["Esc", "take away what covers the panes, or a question"],
  ["Ctrl-C", "stop a search and stay here"],
  ["h q", "these keys; leave"],
  ["", ""],
  ["!  ×  ◆", "on the timeline: the model differs, a signal, a bookmark"],
  ["▓ █ ▒ ░", "in the map: code, writable, read-only, no access"],
];
