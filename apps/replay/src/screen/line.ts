/** How a piece of text is set apart. */
export type Tone = "plain" | "bold" | "dim" | "added" | "removed" | "changed" | "inverse";

/** A piece of a line of the screen. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

export const span = (text: string, tone: Tone = "plain"): Span => ({ text, tone });
export const line = (text: string, tone: Tone = "plain"): Line => [span(text, tone)];

/** The line in exactly so many columns: what is too long ends with `…`. */
export function fit(spans: Line, width: number): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const { text, tone } of spans) {
    if (left <= 0) break;
    const cut = text.length > left ? `${text.slice(0, Math.max(0, left - 1))}…` : text;
    fitted.push({ text: cut, tone });
    left -= cut.length;
  }
  if (left > 0) fitted.push(span(" ".repeat(left)));
  return fitted;
}

/** Exactly so many lines of so many columns. */
export function fitAll(lines: readonly Line[], { width, height }: Size): readonly Line[] {
  const shown = lines.slice(0, height).map((one) => fit(one, width));
  while (shown.length < height) shown.push(fit([], width));
  return shown;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A heading that fills its line: `── maps ────`. */
export const heading = (title: string, width: number): Line =>
  fit([span("── ", "dim"), span(title, "bold"), span(` ${"─".repeat(width)}`, "dim")], width).map(
    (one, i, all) => (i === all.length - 1 ? { ...one, text: one.text.replace("…", "─") } : one),
  );

const ESCAPE = "\u001b";
const TONES: Readonly<Record<string, Tone>> = {
  "1": "bold",
  "2": "dim",
  "32": "added",
  "31": "removed",
  "33": "changed",
};

/** A line as the command line colours it. */
export function fromStyled(text: string): Line {
  const spans: Span[] = [];
  let tone: Tone = "plain";
  for (const part of text.split(ESCAPE)) {
    const [code, digits] = /^\[(\d+)m/.exec(part) ?? [""];
    if (digits !== undefined) tone = TONES[digits] ?? "plain";
    const rest = part.slice(code.length);
    if (rest !== "") spans.push({ text: rest, tone });
  }
  return spans;
}
