import { hex, PAGE_SIZE } from "@pagetrail/core";
import { count, pagesSize } from "../text/numbers.ts";
import { type Band, bandsOf, Scale } from "./bands.ts";
import type { Mapping, Space } from "./history.ts";

/** A mapping with the event at which it was gone; undefined where it outlived what is drawn. */
export interface Lived extends Mapping {
  readonly until: number | undefined;
}

/** One address space over time. */
export interface SpacePicture {
  readonly space: Space;
  readonly mappings: readonly Lived[];
  /** The events that are drawn: the first, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Calls that were refused, and signals. */
  readonly marks: readonly { readonly seq: number; readonly text: string }[];
}

const WIDTH = 1160;
const HEIGHT = 560;
const LEFT = 130;
const TOP = 34;
const BOTTOM = 34;
/** Text needs so much. */
const LINE = 11;

export const PICTURE_WIDTH = WIDTH;
export const PICTURE_HEIGHT = TOP + HEIGHT + BOTTOM;

const KINDS = ["code", "data", "readonly", "heap", "stack", "anon", "none", "shared"] as const;
type Kind = (typeof KINDS)[number];

const LEGEND: Readonly<Record<Kind, string>> = {
  code: "code",
  data: "file, writable",
  readonly: "file, read-only",
  heap: "heap",
  stack: "stack",
  anon: "anonymous",
  none: "no access",
  shared: "shared",
};

/** The colours, for light and dark surroundings. */
export const PICTURE_STYLE = `
svg { color-scheme: light dark; font: 10px ui-monospace, monospace; }
svg text { fill: light-dark(#333, #ccc); }
svg .title { font-size: 13px; font-weight: bold; }
svg .gap { fill: light-dark(#f3f3f3, #262626); }
svg .axis { stroke: light-dark(#bbb, #555); }
svg .mark { stroke: light-dark(#c00, #f66); stroke-dasharray: 3 3; }
svg rect:hover { stroke: light-dark(#000, #fff); }
svg .code { fill: light-dark(#6fa3d8, #3f74ad); }
svg .data { fill: light-dark(#8cc474, #4f8a39); }
svg .readonly { fill: light-dark(#c5d9ee, #33495f); }
svg .heap { fill: light-dark(#f0a955, #b06a1d); }
svg .stack { fill: light-dark(#d9a0bd, #8d4a6c); }
svg .anon { fill: light-dark(#f5d565, #8c7015); }
svg .none { fill: light-dark(#d0d0d0, #4a4a4a); }
svg .shared { fill: light-dark(#b3a6dc, #66559c); }
`;

export const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);

/** The body of an SVG picture: events to the right, addresses up, each stretch as high as the logarithm of its size. */
export function* drawSpace(picture: SpacePicture): Iterable<string> {
  const { space, mappings, from, to, marks } = picture;
  const bands = bandsOf(mappings, HEIGHT);
  const x = (seq: number): number => LEFT + ((seq - from) / (to - from)) * (WIDTH - LEFT - 10);
  const title = `${space.comm} (${space.pid}), ${count(mappings.length)} mappings in events ${count(from)} to ${count(to - 1)}`;
  yield `<text class="title" x="0" y="14">${escaped(title)}</text>`;
  yield* drawGaps(bands);
  yield* drawMappings(mappings, new Scale(bands), { x, to });
  yield* drawAxes(bands, { x, from, to });
  for (const { seq, text } of marks)
    yield `<line class="mark" x1="${px(x(seq))}" x2="${px(x(seq))}" y1="${TOP}" y2="${TOP + HEIGHT}"><title>${escaped(text)}</title></line>`;
}

/** What the colours mean, at the right of the title. */
export function* drawLegend(): Iterable<string> {
  let left = WIDTH - 10;
  for (const kind of KINDS.toReversed()) {
    const text = LEGEND[kind];
    left -= 26 + text.length * 6;
    yield `<rect class="${kind}" x="${left}" y="20" width="8" height="8"/><text x="${left + 12}" y="28">${text}</text>`;
  }
}

const px = (n: number): string => String(Math.round(n * 2) / 2);

function* drawGaps(bands: readonly Band[]): Iterable<string> {
  for (const { start, end, isGap, top, height } of bands) {
    if (!isGap) continue;
    const size = `${pagesSize(end - start)} free`;
    yield `<rect class="gap" x="${LEFT}" y="${px(TOP + top)}" width="${WIDTH - LEFT - 10}" height="${px(height)}"><title>${size}</title></rect>`;
    if (height >= LINE)
      yield `<text x="${WIDTH - 14}" y="${px(TOP + top + height - 3)}" text-anchor="end">${size}</text>`;
  }
}

/** What lies within half a pixel of another of its kind is drawn with it. */
function* drawMappings(
  mappings: readonly Lived[],
  scale: Scale,
  { x, to }: { readonly x: (seq: number) => number; readonly to: number },
): Iterable<string> {
  const drawn = new Set<string>();
  for (const mapping of mappings) {
    const { top, height } = scale.place(mapping);
    const [left, right] = [x(mapping.since), x(mapping.until ?? to)];
    const kind = kindOf(mapping);
    const rect = `class="${kind}" x="${px(left)}" y="${px(TOP + top)}" width="${px(Math.max(0.5, right - left))}" height="${px(Math.max(0.5, height))}"`;
    if (drawn.has(rect)) continue;
    drawn.add(rect);
    yield `<rect ${rect}><title>${escaped(told(mapping))}</title></rect>`;
    if (height >= LINE && right - left > 150)
      yield `<text x="${px(left + 4)}" y="${px(TOP + top + height / 2 + 4)}" pointer-events="none">${escaped(shortName(mapping))}</text>`;
  }
}

function* drawAxes(
  bands: readonly Band[],
  { x, from, to }: { readonly x: (seq: number) => number; readonly from: number; readonly to: number },
): Iterable<string> {
  let lowest = Number.POSITIVE_INFINITY;
  for (const { start, top, height } of bands) {
    const y = TOP + top + height;
    if (lowest - y < LINE) continue;
    lowest = y;
    yield `<text x="${LEFT - 6}" y="${px(y)}" text-anchor="end">${hex(start * PAGE_SIZE)}</text>`;
  }
  yield `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP}" y2="${TOP + HEIGHT}"/>`;
  const ticks = new Set([0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(from + (to - from) * part)));
  for (const seq of ticks) {
    const anchor = seq === to ? "end" : seq === from ? "start" : "middle";
    yield `<text x="${px(x(seq))}" y="${TOP + HEIGHT + 14}" text-anchor="${anchor}">${seq === from ? "event " : ""}${count(seq)}</text>`;
  }
}

function told({ start, end, permissions, name, since, until }: Lived): string {
  const range = `${(start * PAGE_SIZE).toString(16)}-${(end * PAGE_SIZE).toString(16)}`;
  const life =
    until === undefined ? `from event ${count(since)} on` : `events ${count(since)} to ${count(until)}`;
  const named = name === "" ? "" : ` ${name}`;
  return `${range} ${permissions} ${pagesSize(end - start)}${named}, ${life}`;
}

const shortName = ({ name, permissions }: Lived): string =>
  `${name === "" ? "anonymous" : name.slice(name.lastIndexOf("/") + 1)} ${permissions}`;

function kindOf({ name, permissions }: Lived): Kind {
  if (permissions.startsWith("---")) return "none";
  if (permissions[3] === "s") return "shared";
  if (name === "[heap]") return "heap";
  if (name === "[stack]") return "stack";
  if (permissions[2] === "x") return "code";
  if (name === "") return "anon";
  return permissions[1] === "w" ? "data" : "readonly";
}
