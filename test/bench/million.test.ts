import { encodeEvent } from "@pagetrail/core";
import { expect, test } from "vitest";
import { Million } from "./million.ts";

const COUNT = 30_000;

test("tiled recordings are one machine: every event replays as recorded, and is the same the next time", () => {
  const million = new Million(COUNT);
  const seen: string[] = [];
  let tasks = 0;
  for (const { events, state } of million.segments()) {
    for (const event of events) seen.push(JSON.stringify(encodeEvent(event)));
    tasks = Math.max(tasks, state.tasks.size);
  }
  expect(seen).toHaveLength(COUNT);
  expect(tasks).toBeGreaterThan(8);
  expect(tasks).toBeLessThan(1000);
  expect([...new Million(COUNT).events()].map((event) => JSON.stringify(encodeEvent(event)))).toEqual(seen);
});
