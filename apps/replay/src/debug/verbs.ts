import { ok, type Result } from "@pagetrail/core";
import { readBookmarks } from "../bookmarks.ts";
import { describeMoment } from "../moment.ts";
import { stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import { EventText } from "../text/event-text.ts";
import { type Column, table } from "../text/table.ts";
import type { DebugSession, Direction } from "./session.ts";

/** How a verb ends: with a problem, one that was told already, or the end of the session. */
export type VerbEnd = Result<"go on" | "failed" | "quit", Problem>;

export interface VerbContext {
  readonly session: DebugSession;
  readonly out: Output;
  /** Runs a command of the command line about the session's log, at its moment. */
  readonly view: (name: string, words: readonly string[]) => Promise<boolean>;
}

export interface Verb {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** What stands behind it. */
  readonly takes?: string;
  readonly what: string;
  /** An empty line does it again. */
  readonly repeats?: boolean;
  run(context: VerbContext, rest: string): Promise<VerbEnd> | VerbEnd;
}

const ON = ok("go on" as const);
const then = (result: Result<unknown, Problem>): VerbEnd => (result.ok ? ON : result);

function stepping(name: string, alias: string, direction: Direction, own: boolean): Verb {
  const whose = own ? "event of the process" : "event";
  return {
    name,
    aliases: [alias],
    takes: "[N]",
    what:
      direction === "forward"
        ? `go to the next ${whose}, or N on`
        : `go back to the ${whose} before, or N back`,
    repeats: true,
    run: ({ session }, rest) => {
      if (!/^(\d{1,9})?$/.test(rest)) return notA(rest, "number of events", name);
      return then(session.step(direction, rest === "" ? 1 : Number(rest), own));
    },
  };
}

const notA = (text: string, wanted: string, verb: string) =>
  refused({ what: `'${text}' is no ${wanted}`, advice: `see help ${verb}` });

const running = (name: string, alias: string, direction: Direction): Verb => ({
  name,
  aliases: [alias],
  what:
    direction === "forward"
      ? "go on to the next breakpoint or watchpoint, or to the end"
      : "go back to the breakpoint or watchpoint before, or to the start",
  repeats: true,
  run: async ({ session }) => then(await session.goOn(direction)),
});

const searching = (name: string, direction: Direction): Verb => ({
  name,
  takes: "EXPR",
  what: `go to where EXPR holds or comes true next, ${direction}; breakpoints do not count`,
  repeats: true,
  run: async ({ session }, rest) => then(await session.find(rest, direction)),
});

const POINTS: readonly Column[] = [
  { title: "N", right: true },
  { title: "KIND" },
  { title: "HITS", right: true },
  { title: "WHAT" },
];
const PLACES: readonly Column[] = [{ title: "N", right: true }, { title: "MOMENT" }, { title: "NAME" }];

/** How many events `list` shows on either side. */
const AROUND = 5;

const INFO: Readonly<Record<string, (context: VerbContext) => Promise<VerbEnd> | VerbEnd>> = {
  breakpoints: ({ session, out }) => {
    const rows = session.points.all.map(({ number, kind, hits, text }) => [
      String(number),
      kind,
      String(hits),
      text,
    ]);
    if (rows.length === 0) out.note("no breakpoints or watchpoints");
    else out.lines(table(POINTS, rows));
    return ON;
  },
  checkpoints: ({ session, out }) => {
    const rows = session.checkpoints.map(({ seq, name }, i) => [
      String(i + 1),
      describeMoment(session.log, seq),
      name,
    ]);
    if (rows.length === 0) out.note("no checkpoints");
    else out.lines(table(PLACES, rows));
    return ON;
  },
  bookmarks: async ({ view }) => viewed(await view("bookmark", [])),
  log: async ({ view }) => viewed(await view("info", [])),
  processes: async ({ view }) => viewed(await view("ps", [])),
};

const viewed = (worked: boolean): VerbEnd => ok(worked ? "go on" : "failed");

/** The verbs of gdb and rr that move and stop; every other verb is a command of the command line. */
export const VERBS: readonly Verb[] = [
  stepping("step", "s", "forward", false),
  stepping("reverse-step", "rs", "backward", false),
  stepping("next", "n", "forward", true),
  stepping("reverse-next", "rn", "backward", true),
  running("continue", "c", "forward"),
  running("reverse-continue", "rc", "backward"),
  searching("search", "forward"),
  searching("reverse-search", "backward"),
  {
    name: "goto",
    aliases: ["g"],
    takes: "POS",
    what: "go to a moment: as everywhere, also . for here, +5 and -5 from here",
    run: ({ session }, rest) => {
      const seq = session.positionOf(rest === "" ? "." : rest);
      return seq.ok ? then(session.goto(seq.value)) : seq;
    },
  },
  {
    name: "break",
    aliases: ["b"],
    takes: "EXPR",
    what: "stop where EXPR holds or comes true; docs/EXPRESSIONS.md has the language",
    run: ({ session, out }, rest) => {
      const point = session.breakAt(rest);
      if (point.ok) out.note(`breakpoint ${point.value.number}: ${rest}`);
      return then(point);
    },
  },
  {
    name: "watch",
    aliases: ["w"],
    takes: "ADDR|EXPR",
    what: "stop wherever the memory there changes, a number does, or EXPR comes true or untrue",
    run: ({ session, out }, rest) => {
      const point = session.watch(rest);
      if (point.ok) out.note(`watchpoint ${point.value.number}: ${rest}`);
      return then(point);
    },
  },
  {
    name: "delete",
    aliases: ["d"],
    takes: "[N]",
    what: "forget a breakpoint or watchpoint, or all of them",
    run: ({ session }, rest) => {
      if (rest === "") session.points.clear();
      else if (!session.points.delete(Number(rest)))
        return refused({ what: `there is no breakpoint '${rest}'`, advice: "see info breakpoints" });
      return ON;
    },
  },
  {
    name: "checkpoint",
    takes: "[NAME]",
    what: "remember this moment for restart, as long as the session lasts",
    run: ({ session, out }, rest) => {
      session.checkpoints.push({ seq: session.seq, name: rest });
      out.note(`checkpoint ${session.checkpoints.length}: ${describeMoment(session.log, session.seq)}`);
      return ON;
    },
  },
  {
    name: "restart",
    takes: "N",
    what: "go to the moment of a checkpoint",
    run: ({ session }, rest) => {
      const found = session.checkpoints[Number(rest) - 1];
      if (found) return then(session.goto(found.seq));
      return refused({ what: `there is no checkpoint '${rest}'`, advice: "see info checkpoints" });
    },
  },
  {
    name: "process",
    aliases: ["p"],
    takes: "PID",
    what: "choose the process that views show and that next follows",
    run: ({ session, out }, rest) => {
      if (!/^\d{1,9}$/.test(rest)) return notA(rest, "process", "process");
      const chosen = session.choose(Number(rest));
      if (chosen.ok) out.note(chosen.value);
      return then(chosen);
    },
  },
  {
    name: "where",
    what: "say where this is, and show the event",
    run: ({ session, out }) => {
      out.note(describeMoment(session.log, session.seq));
      session.show();
      return ON;
    },
  },
  {
    name: "list",
    aliases: ["l"],
    what: "show the events around this moment",
    run: ({ session, out }) => {
      const { timeline } = session.log;
      const text = new EventText(out.style);
      const from = Math.max(timeline.first, session.seq - AROUND - 1);
      text.learnUpTo(timeline.events, from);
      for (const event of timeline.between(from, Math.min(timeline.last, session.seq + AROUND))) {
        text.learnUpTo(timeline.events, event.seq);
        out.line(`${event.seq === session.seq ? "=>" : "  "} ${text.line(event)}`);
      }
      return ON;
    },
  },
  {
    name: "changes",
    what: "show what is otherwise than before the last move",
    run: async ({ session, view }) =>
      viewed(await view("diff", [String(session.before), String(session.seq)])),
  },
  {
    name: "info",
    aliases: ["i"],
    takes: Object.keys(INFO).join("|"),
    what: "show what there is",
    run: (context, rest) => {
      const found = Object.keys(INFO).filter((name) => name.startsWith(rest));
      const [only] = found;
      const show = only !== undefined && found.length === 1 ? INFO[only] : undefined;
      return show ? show(context) : notA(rest, "thing to show", "info");
    },
  },
  { name: "quit", aliases: ["q", "exit"], what: "leave", run: () => ok("quit") },
];

/** The names of bookmarks, for completion. */
export function bookmarkNames({ log }: DebugSession): readonly string[] {
  const marks = readBookmarks(log);
  return marks.ok ? [...marks.value.keys()] : [];
}

/** The tasks that are there, for completion. */
export function processNumbers({ log, seq }: DebugSession): readonly string[] {
  const state = stateAt(log, seq);
  return state.ok
    ? [...state.value.tasks.values()].filter(({ pid, tgid }) => pid === tgid).map(({ pid }) => String(pid))
    : [];
}
