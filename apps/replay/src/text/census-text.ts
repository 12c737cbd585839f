import { type FrameCensus, PAGE_SIZE } from "@pagetrail/core";
import { count, counted, pagesSize } from "./numbers.ts";
import { type Column, table } from "./table.ts";

const right = (...titles: string[]): readonly Column[] => titles.map((title) => ({ title, right: true }));

/** Physical memory: its zones, what frames are used for, and what the kernel keeps besides. */
export function* censusLines(census: FrameCensus, buddyinfo: string): Generator<string> {
  const { frames, zones, uses, cache, swap, hugetlb, slabs, tables } = census;
  yield* table(
    [{ title: "ZONE" }, ...right("FRAMES", "MANAGED", "FREE", "MIN", "LOW", "HIGH")],
    zones.map((z) => [
      z.name,
      ...[z.end - z.start, z.managed, z.free, z.min, z.low, z.high].map((n) => count(n)),
    ]),
  );
  yield "";
  yield* buddyinfo.split("\n").slice(0, -1);
  yield "";
  const used = Object.entries(uses).filter(([, n]) => n > 0);
  yield* table(
    [...right("FRAMES", "SIZE"), { title: "USED FOR" }],
    [...used, ["in all", frames] as const].map(([use, n]) => [count(n), pagesSize(n), use]),
  );
  if (cache.length > 0) {
    yield "";
    yield* table(
      [...right("PAGES", "DIRTY", "MAPPED"), { title: "FILE" }],
      cache.map(({ pages, dirty, mapped, name }) => [count(pages), count(dirty), count(mapped), name]),
    );
  }
  yield "";
  yield `swap     ${count(swap.used)} of ${counted(swap.size, "slot")} used; swap cache ${counted(swap.cached, "page")}`;
  yield `hugetlb  ${count(hugetlb.free)} of ${counted(hugetlb.total, "page")} of 2 MB free, ${count(hugetlb.reserved)} reserved`;
  yield "";
  const pages = Object.entries(tables).map(([level, n]) => [`${level} page tables`, n, n, PAGE_SIZE, 1, n]);
  const caches = Object.entries(slabs).map(([name, c]) => [
    name,
    ...[c.active, c.objects, c.size, c.perSlab, c.slabs * c.pages],
  ]);
  yield* table(
    [{ title: "OBJECT" }, ...right("ACTIVE", "OBJECTS", "BYTES", "PER SLAB", "PAGES")],
    [...caches, ...pages].map(([name, ...n]) => [String(name), ...n.map((x) => count(Number(x)))]),
  );
}
