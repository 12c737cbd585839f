/** Ranges of a file's huge pages, ascending and apart: the list of struct file_region in a resv_map. */
export type Regions = readonly (readonly [from: number, to: number])[];

const NONE: Regions = [];

/** How many pages of [from, to) are in the list: region_count, mm/hugetlb.c. */
export function countRegion(regions: Regions = NONE, from: number, to: number): number {
  let count = 0;
  for (const [a, b] of regions) count += Math.max(0, Math.min(b, to) - Math.max(a, from));
  return count;
}

/** The list with [from, to): region_add, mm/hugetlb.c. */
export function addRegion(regions: Regions = NONE, from: number, to: number): Regions {
  const before = regions.filter(([, b]) => b < from);
  const after = regions.filter(([a]) => a > to);
  const joined = regions.slice(before.length, regions.length - after.length);
  const start = Math.min(from, joined[0]?.[0] ?? from);
  const end = Math.max(to, joined.at(-1)?.[1] ?? to);
  return [...before, [start, end], ...after];
}

/** The list without [from, to): region_del, mm/hugetlb.c. */
export function deleteRegion(regions: Regions = NONE, from: number, to: number): Regions {
  return regions.flatMap(([a, b]) => {
    const parts: [number, number][] = [];
    if (a < from) parts.push([a, Math.min(b, from)]);
    if (b > to) parts.push([Math.max(a, to), b]);
    return parts;
  });
}
