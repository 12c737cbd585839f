import { counted } from "../text/numbers.ts";
import { fit, fitAll, heading, type Line, type Size } from "./line.ts";

/** What stands on the screen, pane by pane; each makes its lines for the room that it gets. */
export interface Panes {
  readonly title: Line;
  readonly timeline: (width: number) => Line;
  readonly space: (size: Size) => { readonly lines: readonly Line[]; readonly total: number };
  readonly event: readonly Line[];
  readonly changes: readonly Line[];
  /** Text that covers the panes: help, or what a command printed. */
  readonly cover: { readonly title: string; readonly lines: readonly Line[] } | undefined;
  readonly message: Line;
  readonly keys: Line;
}

export const LEAST: Size = { width: 80, height: 24 };

/** Columns from which on event and changes stand beside the map. */
const WIDE = 130;

/** Title, timeline, message and keys. */
const FRAME = 4;

/** The whole screen, line by line. */
export function layout(panes: Panes, size: Size): readonly Line[] {
  const { width, height } = size;
  if (width < LEAST.width || height < LEAST.height)
    return fitAll(
      [[{ text: `needs ${LEAST.width} by ${LEAST.height}, has ${width} by ${height}`, tone: "bold" }]],
      size,
    );
  const room = { width, height: height - FRAME };
  const middle = panes.cover
    ? [heading(panes.cover.title, width), ...fitAll(panes.cover.lines, { width, height: room.height - 1 })]
    : width >= WIDE
      ? beside(panes, room)
      : below(panes, room);
  return [
    fit(panes.title, width),
    panes.timeline(width),
    ...middle,
    fit(panes.message, width),
    fit(panes.keys, width),
  ];
}

function below(panes: Panes, { width, height }: Size): readonly Line[] {
  const map = Math.ceil((height - 3) * 0.45);
  const event = Math.ceil((height - 3 - map) / 2);
  return [
    ...mapPane(panes, { width, height: map }),
    ...pane("event", panes.event, { width, height: event }),
    ...pane("changes since the last stop", panes.changes, { width, height: height - 3 - map - event }),
  ];
}

function beside(panes: Panes, { width, height }: Size): readonly Line[] {
  const left = Math.floor(width * 0.5);
  const right = width - left - 1;
  const event = Math.ceil((height - 2) * 0.45);
  const map = mapPane(panes, { width: left, height: height - 1 });
  const others = [
    ...pane("event", panes.event, { width: right, height: event }),
    ...pane("changes since the last stop", panes.changes, { width: right, height: height - 2 - event }),
  ];
  return map.map((one, i) => [...one, { text: " ", tone: "plain" }, ...(others[i] ?? [])]);
}

function mapPane(panes: Panes, size: Size): readonly Line[] {
  const { lines, total } = panes.space(size);
  const title = total > size.height ? `address space, ${total} rows: up and down scroll` : "address space";
  return [heading(title, size.width), ...fitAll(lines, size)];
}

const pane = (title: string, lines: readonly Line[], size: Size): readonly Line[] => [
  heading(
    lines.length > size.height ? `${title} (${counted(lines.length - size.height, "line")} more)` : title,
    size.width,
  ),
  ...fitAll(lines, size),
];
