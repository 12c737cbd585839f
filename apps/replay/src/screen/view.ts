import {
  diffTrees,
  explainEvent,
  type KernelState,
  type MmStruct,
  mmOf,
  type Pid,
  type Vma,
} from "@pagetrail/core";
import type { DebugSession } from "../debug/session.ts";
import { describeMoment } from "../moment.ts";
import { executed, stateAt } from "../open-log.ts";
import { EventText } from "../text/event-text.ts";
import { diffSides, isSameMachine, isSameSpace, machineLines, spaceLines } from "../text/state-diff-text.ts";
import { styleFor } from "../text/style.ts";
import { pathLines } from "../text/why-text.ts";
import type { Panes } from "./layout.ts";
import { fromStyled, type Line, line, type Size, span } from "./line.ts";
import { type SpaceChanged, spacePane } from "./space-pane.ts";
import { type TimelineMarks, timelinePane } from "./timeline-pane.ts";

/** Colours that `fromStyled` reads back; whether they are shown is the terminal's. */
const STYLE = styleFor("always", { isTTY: true }, {});

/** What the panes of a screen say of the moment at which a debugger stands. */
export class SessionView {
  readonly #session: DebugSession;
  readonly #text = new EventText(STYLE);
  #marks: TimelineMarks["marks"] | undefined;

  constructor(session: DebugSession) {
    this.#session = session;
  }

  /** @param scrolled rows of the map above the first that is shown; undefined follows what has changed */
  panes(scrolled: number | undefined): Pick<Panes, "title" | "timeline" | "space" | "event" | "changes"> {
    const { log, seq, before, pid } = this.#session;
    const [state, earlier] = [stateAt(log, seq), stateAt(log, before)];
    const mm = state.ok && pid !== undefined ? mmOf(state.value, pid as Pid) : undefined;
    const was = earlier.ok && pid !== undefined ? mmOf(earlier.value, pid as Pid) : undefined;
    return {
      title: this.#title(),
      timeline: (width) => timelinePane(this.#timeline(), width),
      space: (size) => space(state.ok ? state.value : undefined, mm, changedOf(was, mm), size, scrolled),
      event: this.#event(),
      changes: state.ok && earlier.ok ? this.#changes(earlier.value, state.value, was, mm) : [],
    };
  }

  #title(): Line {
    const { log, seq, place } = this.#session;
    return [
      span(`${log.name}  `, "bold"),
      span(describeMoment(log, seq)),
      span(`  ${place.slice(place.indexOf(" ") + 1)}`, "bold"),
    ];
  }

  /** Where the recording was otherwise `!`, a signal `×`, a bookmark `◆`. */
  #timeline(): TimelineMarks {
    const { log, seq } = this.#session;
    const { first, last, events } = log.timeline;
    this.#marks ??= events.flatMap((event) => {
      if (event.divergence) return [{ seq: event.seq, sign: "!" }];
      const isSignal = "signal" in event.outcome || event.request.call === "kill";
      return isSignal ? [{ seq: event.seq, sign: "×" }] : [];
    });
    const named = log.bookmarks?.();
    const bookmarks = named?.ok ? [...named.value.values()].map((at) => ({ seq: at, sign: "◆" })) : [];
    return { first, last, at: seq, marks: [...this.#marks, ...bookmarks] };
  }

  #event(): readonly Line[] {
    const { log, seq } = this.#session;
    const event = log.timeline.eventAt(seq);
    if (!event) return [line("the start: nothing has happened yet", "dim")];
    this.#text.learnUpTo(log.timeline.events, seq);
    const lines = [fromStyled(this.#text.line(event).trimStart())];
    const before = stateAt(log, seq - 1);
    const told = before.ok ? executed(log.name, () => explainEvent(before.value, event)) : before;
    if (told.ok) for (const text of pathLines(told.value.path, STYLE)) lines.push(fromStyled(text));
    for (const frame of event.stack ?? []) lines.push(line(`    at ${frame}`, "dim"));
    return lines;
  }

  #changes(
    before: KernelState,
    after: KernelState,
    was: MmStruct | undefined,
    now: MmStruct | undefined,
  ): readonly Line[] {
    if (before === after) return [line("none", "dim")];
    const [left, right] = [
      { state: before, mm: was },
      { state: after, mm: now },
    ];
    const { own, machine } = diffSides(left, right);
    if (isSameSpace(own) && isSameMachine(machine)) return [line("none", "dim")];
    return [...spaceLines(own, left, right, STYLE), ...machineLines(machine, before, after, STYLE)].map(
      fromStyled,
    );
  }
}

function changedOf(was: MmStruct | undefined, now: MmStruct | undefined): SpaceChanged {
  const mappings = new Set<Vma>();
  let at: number | undefined;
  if (was && now && was !== now)
    diffTrees(was.vmas, now.vmas, (before, after) => {
      if (after) mappings.add(after);
      at = Math.min(at ?? Number.POSITIVE_INFINITY, (after ?? before)?.start ?? Number.POSITIVE_INFINITY);
    });
  return { mappings, at };
}

function space(
  state: KernelState | undefined,
  mm: MmStruct | undefined,
  changed: SpaceChanged,
  size: Size,
  scrolled: number | undefined,
): ReturnType<Panes["space"]> {
  if (!state || !mm) return { lines: [line("no process has an address space here", "dim")], total: 1 };
  return spacePane(state, mm, changed, size, scrolled);
}
