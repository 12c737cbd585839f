/** A stretch of the address space, in pages, and where it is drawn. */
export interface Band {
  readonly start: number;
  readonly end: number;
  readonly isGap: boolean;
  /** Pixels from the top; higher addresses are higher up. */
  readonly top: number;
  readonly height: number;
}

const GAP = 14;
/** So that one page is seen beside a gigabyte. */
const weight = (pages: number): number => Math.log2(1 + pages);

/**
 * The stretches between the boundaries of ranges, drawn into a height: each as high as the logarithm of its size, what
 * no range ever covers as a gap of one height.
 */
export function bandsOf(
  ranges: readonly { readonly start: number; readonly end: number }[],
  height: number,
): readonly Band[] {
  const stretches = stretchesOf(ranges);
  const gaps = stretches.filter(({ isGap }) => isGap).length;
  const gapHeight = Math.min(GAP, height / 3 / Math.max(1, gaps));
  const all = stretches.reduce((sum, { start, end, isGap }) => sum + (isGap ? 0 : weight(end - start)), 0);
  const scale = (height - gaps * gapHeight) / Math.max(1, all);
  let top = 0;
  return stretches
    .toReversed()
    .map((stretch) => {
      const high = stretch.isGap ? gapHeight : weight(stretch.end - stretch.start) * scale;
      const band = { ...stretch, top, height: high };
      top += high;
      return band;
    })
    .toReversed();
}

function stretchesOf(
  ranges: readonly { readonly start: number; readonly end: number }[],
): readonly Pick<Band, "start" | "end" | "isGap">[] {
  const depths = new Map<number, number>();
  for (const { start, end } of ranges) {
    depths.set(start, (depths.get(start) ?? 0) + 1);
    depths.set(end, (depths.get(end) ?? 0) - 1);
  }
  const bounds = [...depths.keys()].sort((a, b) => a - b);
  let depth = 0;
  return bounds.slice(0, -1).map((start, i) => {
    depth += depths.get(start) ?? 0;
    return { start, end: bounds[i + 1] as number, isGap: depth === 0 };
  });
}

/** Where a range that is made of whole bands begins and ends, in pixels from the top. */
export class Scale {
  readonly #bottoms: ReadonlyMap<number, number>;
  readonly #tops: ReadonlyMap<number, number>;

  constructor(bands: readonly Band[]) {
    this.#bottoms = new Map(bands.map((band) => [band.start, band.top + band.height]));
    this.#tops = new Map(bands.map((band) => [band.end, band.top]));
  }

  place({ start, end }: { readonly start: number; readonly end: number }): { top: number; height: number } {
    const top = this.#tops.get(end) ?? 0;
    return { top, height: (this.#bottoms.get(start) ?? top) - top };
  }
}
