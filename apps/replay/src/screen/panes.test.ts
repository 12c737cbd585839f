import { mmOf, type Pid, type Vma } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { demo } from "../testing/log-fixture.ts";
import { HELP, KEYS, SCRUB } from "./keys.ts";
import { layout, type Panes } from "./layout.ts";
import { fit, fromStyled, type Line, line, span } from "./line.ts";
import { spacePane } from "./space-pane.ts";
import { timelinePane } from "./timeline-pane.ts";

const text = (spans: Line): string => spans.map((one) => one.text).join("");

describe("a line", () => {
  test("has exactly the columns that there are", () => {
    expect(text(fit([span("abc"), span("def")], 8))).toBe("abcdef  ");
    expect(text(fit([span("abc"), span("def")], 5))).toBe("abcd…");
    expect(text(fit([span("abc"), span("def")], 3))).toBe("abc");
  });

  test("keeps what the command line sets apart", () => {
    expect(fromStyled("a \u001b[32m+ b\u001b[0m c")).toEqual([span("a "), span("+ b", "added"), span(" c")]);
  });
});

describe("the timeline", () => {
  const bar = (at: number, marks: readonly { seq: number; sign: string }[] = []): string =>
    text(timelinePane({ first: 0, last: 100, at, marks }, 27));

  test("has the start on the left, the end on the right, and where this is between", () => {
    expect(bar(0)).toBe("0 █──────────────────── 100");
    expect(bar(50)).toBe("0 ──────────█────────── 100");
    expect(bar(100)).toBe("0 ────────────────────█ 100");
  });

  test("shows marks, also the one where this is", () => {
    expect(bar(0, [{ seq: 50, sign: "◆" }])).toBe("0 █─────────◆────────── 100");
    const here = timelinePane({ first: 0, last: 100, at: 50, marks: [{ seq: 50, sign: "×" }] }, 27);
    expect(here.find(({ tone }) => tone === "inverse")?.text).toBe("×");
  });
});

describe("the map of an address space", () => {
  const recorder = demo();
  const state = recorder.states[6] ?? recorder.state;
  const mm = mmOf(state, 100 as Pid);
  if (!mm) throw new Error("the demo has a process");
  const none = { mappings: new Set<Vma>(), at: undefined };
  const rows = (height: number, scrolled?: number): readonly string[] =>
    spacePane(state, mm, none, { width: 70, height }, scrolled).lines.map(text);

  test("has every mapping in order of address, and what is free between", () => {
    const shown = rows(20);
    const starts = shown.flatMap((row) => /^[0-9a-f]+/.exec(row)?.[0] ?? []);
    expect(starts).toEqual(mm.vmas.toArray().map((vma) => `${vma.start.toString(16)}000`));
    const gaps = mm.vmas
      .toArray()
      .filter((vma, i, all) => i > 0 && vma.start > (all[i - 1]?.end ?? 0)).length;
    expect(shown.filter((row) => row.includes(" free")).length).toBe(gaps);
  });

  test("gives larger mappings more of the rows that are left over", () => {
    const shown = rows(60);
    expect(shown.length).toBeGreaterThan(30);
    expect(shown.length).toBeLessThanOrEqual(60);
  });

  test("scrolls no further than its end, and follows what has changed", () => {
    const { total } = spacePane(state, mm, none, { width: 70, height: 1 }, 0);
    const all = rows(total);
    expect(rows(3, 1)).toEqual(all.slice(1, 4));
    expect(rows(3, 99)).toEqual(all.slice(-3));
    const last = mm.vmas.toArray().at(-1);
    const changed = { mappings: new Set(last ? [last] : []), at: last?.start };
    const { lines } = spacePane(state, mm, changed, { width: 70, height: 3 }, undefined);
    expect(lines.map(text)).toContainEqual(all.at(-1));
    expect(lines.flat().some(({ tone }) => tone === "added")).toBe(true);
  });
});

test("the help names every key, and fits into the smallest screen", () => {
  const named = new Set(HELP.flatMap(([keys]) => keys.toLowerCase().split(" ")));
  const keys = [...KEYS.flatMap(({ names }) => names), ...Object.keys(SCRUB)];
  expect(keys.filter((key) => !named.has(key.toLowerCase()))).toEqual([]);
  expect(HELP.length).toBeLessThan(20);
});

describe("the whole screen", () => {
  const panes: Panes = {
    title: line("title"),
    timeline: (width) => line("─".repeat(width)),
    space: ({ height }) => ({ lines: Array.from({ length: height }, () => line("map")), total: 500 }),
    event: [line("event")],
    changes: Array.from({ length: 99 }, () => line("change")),
    cover: undefined,
    message: line("message"),
    keys: line("keys"),
  };

  test.each([
    [80, 24],
    [81, 25],
    [129, 24],
    [130, 24],
    [200, 61],
  ])("fills %i by %i exactly", (width, height) => {
    for (const cover of [undefined, { title: "help", lines: [line("x")] }]) {
      const lines = layout({ ...panes, cover }, { width, height });
      expect(lines).toHaveLength(height);
      expect(new Set(lines.map((one) => text(one).length))).toEqual(new Set([width]));
    }
  });

  test("says how much it does not show", () => {
    const shown = layout(panes, { width: 80, height: 24 }).map(text).join("\n");
    expect(shown).toMatch(/^── address space, 500 rows: up and down scroll ─+$/m);
    expect(shown).toMatch(/^── changes since the last stop \(\d+ lines more\) ─+$/m);
  });

  test("says what it needs where there is too little room", () => {
    const lines = layout(panes, { width: 60, height: 20 });
    expect(lines).toHaveLength(20);
    expect(text(lines[0] ?? [])).toMatch(/^needs 80 by 24, has 60 by 20 +$/);
  });
});
