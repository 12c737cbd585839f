import { fit, type Line, type Span, span } from "./line.ts";

/** What a timeline shows: where it stands, and what is worth going to. */
export interface TimelineMarks {
  readonly first: number;
  readonly last: number;
  readonly at: number;
  /** Events at which the recording and the model differ, where signals came, and bookmarks. */
  readonly marks: readonly { readonly seq: number; readonly sign: string }[];
}

/** The log from its start to its end in one line; several marks in one column show as the last of them. */
export function timelinePane({ first, last, at, marks }: TimelineMarks, width: number): Line {
  const [left, right] = [`${first} `, ` ${last}`];
  const columns = Math.max(1, width - left.length - right.length);
  const column = (seq: number): number =>
    last === first ? 0 : Math.round(((seq - first) / (last - first)) * (columns - 1));
  const cells: Span[] = Array.from({ length: columns }, () => span("─", "dim"));
  for (const { seq, sign } of marks) cells[column(seq)] = span(sign, "changed");
  cells[column(at)] = span(
    cells[column(at)]?.text === "─" ? "█" : (cells[column(at)]?.text ?? "█"),
    "inverse",
  );
  return fit([span(left, "dim"), ...cells, span(right, "dim")], width);
}
