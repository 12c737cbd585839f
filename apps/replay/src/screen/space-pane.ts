import {
  type KernelState,
  type MmStruct,
  pageAddress,
  permissions,
  type Vma,
  vmaName,
} from "@pagetrail/core";
import { pagesSize } from "../text/numbers.ts";
import { fit, type Line, type Size, span, type Tone } from "./line.ts";

/** What is otherwise than at the last stop. */
export interface SpaceChanged {
  /** Mappings that were not there, or not so. */
  readonly mappings: ReadonlySet<Vma>;
  /** The lowest page at which something came or went. */
  readonly at: number | undefined;
}

/** A row of the map: a mapping, or what is free between two. */
type Row =
  | { readonly kind: "mapping"; readonly vma: Vma; readonly rows: number }
  | { readonly kind: "gap"; readonly pages: number };

/** Smaller ones are not worth a row. */
const LEAST_GAP = 1;

/** The largest size that a bar shows in full: 64 TB, of which each doubling is a step. */
const LARGEST = 2 ** 34;

/**
 * An address space from its lowest address down to its highest. Where there is room a mapping has more rows the larger
 * it is; its bar is as long as the logarithm of its size. Gaps stand between with theirs.
 *
 * @param changed what is otherwise than at the last stop
 * @param scrolled rows above the first that is shown; undefined follows what has changed
 */
export function spacePane(
  state: KernelState,
  mm: MmStruct,
  changed: SpaceChanged,
  { width, height }: Size,
  scrolled: number | undefined,
): { readonly lines: readonly Line[]; readonly total: number } {
  const lines: Line[] = [];
  let follow = 0;
  for (const row of rowsOf(mm, height)) {
    if (row.kind === "mapping" && changed.at !== undefined && row.vma.start <= changed.at)
      follow = lines.length;
    lines.push(...rowLines(state, mm, row, changed.mappings, width));
  }
  const wanted = scrolled ?? follow - Math.floor(height / 3);
  const from = Math.max(0, Math.min(wanted, lines.length - height));
  return { lines: lines.slice(from, from + height), total: lines.length };
}

const weight = (pages: number): number => Math.log2(1 + pages);

function rowsOf(mm: MmStruct, height: number): readonly Row[] {
  const vmas = mm.vmas.toArray();
  const gaps = vmas.filter((_, i) => i > 0 && gapBefore(vmas, i) >= LEAST_GAP).length;
  const spare = Math.max(0, height - vmas.length - gaps);
  const all = vmas.reduce((sum, vma) => sum + weight(vma.pages), 0);
  return vmas.flatMap((vma, i): readonly Row[] => {
    const rows = 1 + Math.floor((spare * weight(vma.pages)) / Math.max(1, all));
    const mapping: Row = { kind: "mapping", vma, rows };
    const pages = i === 0 ? 0 : gapBefore(vmas, i);
    return pages >= LEAST_GAP ? [{ kind: "gap", pages }, mapping] : [mapping];
  });
}

const gapBefore = (vmas: readonly Vma[], i: number): number =>
  (vmas[i]?.start ?? 0) - (vmas[i - 1]?.end ?? 0);

const BAR = 12;

function rowLines(
  state: KernelState,
  mm: MmStruct,
  row: Row,
  isNew: ReadonlySet<Vma>,
  width: number,
): readonly Line[] {
  if (row.kind === "gap")
    return [fit([span(" ".repeat(14)), span(`┄┄┄ ${pagesSize(row.pages)} free`, "dim")], width)];
  const { vma, rows } = row;
  const tone: Tone = isNew.has(vma) ? "added" : "plain";
  const length = Math.max(1, Math.round((BAR * weight(vma.pages)) / weight(LARGEST)));
  const bar = shade(vma).repeat(length).padEnd(BAR);
  const size = pagesSize(vma.pages).padStart(10);
  const name = vmaName(state, mm, vma);
  const place = pageAddress(vma.start).padStart(12);
  const first = fit(
    [span(`${place}  ${permissions(vma)} `, tone), span(bar, tone), span(` ${size}  ${name}`, tone)],
    width,
  );
  const more = fit([span(" ".repeat(19)), span(bar, tone)], width);
  return [first, ...Array.from({ length: rows - 1 }, () => more)];
}

/** Darker what may be written, light what may not be touched at all. */
function shade(vma: Vma): string {
  const may = permissions(vma);
  if (may.startsWith("---")) return "░";
  if (may[2] === "x") return "▓";
  return may[1] === "w" ? "█" : "▒";
}
