import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

test("a bookmark is a position for every command", async () => {
  const log = demoLog();
  expect((await pagetrail(["bookmark", log, "split", "line:3"])).out).toBe(
    "@split: event 5 of 12 (line 3)\n",
  );
  expect((await pagetrail(["maps", log, "--at", "@split"])).out).toBe(
    (await pagetrail(["maps", log, "--at", "5"])).out,
  );
  expect((await pagetrail(["diff", log, "@split-1", "@split"])).out).toBe(
    (await pagetrail(["diff", log, "4", "5"])).out,
  );
  expect((await pagetrail(["events", log, "@split..@split+2"])).out).toBe(
    (await pagetrail(["events", log, "5..7"])).out,
  );
  expect((await pagetrail(["why", log, "@split"])).code).toBe(0);
  expect((await pagetrail(["replay", log, "--to", "@split"])).out).toContain("5 events of");
});

test("bookmarks are listed, moved and forgotten", async () => {
  const log = demoLog();
  for (const words of [
    ["b", "7"],
    ["a", "2"],
    ["b", "3"],
  ])
    await pagetrail(["bookmark", log, ...words]);
  expect((await pagetrail(["bookmark", log])).out).toBe(
    "NAME  MOMENT\n@a    event 2 of 12\n@b    event 3 of 12 (line 1)\n",
  );
  expect(JSON.parse((await pagetrail(["bookmark", log, "--json"])).out)).toMatchObject({
    bookmarks: { a: 2, b: 3 },
  });
  await pagetrail(["bookmark", log, "@a", "--delete"]);
  await pagetrail(["bookmark", log, "b", "--delete"]);
  expect(existsSync(`${log}.bookmarks`)).toBe(false);
  expect((await pagetrail(["bookmark", log, "b", "--delete"])).err).toContain("there is no bookmark @b");
});

test("names and places that are none are refused", async () => {
  const log = demoLog();
  expect((await pagetrail(["bookmark", log, "1st", "3"])).err).toContain("this is no name (1st)");
  expect((await pagetrail(["bookmark", log, "a", "99"])).err).toContain("the log has events 1 to 12");
  expect((await pagetrail(["maps", log, "--at", "@a"])).err).toContain(
    "there is no bookmark @a: the log has none",
  );
  expect((await pagetrail(["bookmark", "-", "a", "1"])).code).toBe(2);
});

test("bookmarks of another log, and damaged ones, are not believed", async () => {
  const recorder = demo();
  const log = demoLog(recorder);
  await pagetrail(["bookmark", log, "a", "3"]);
  const file = `${log}.bookmarks`;
  const text = readFileSync(file, "utf8");
  recorder.call(100, { call: "munmap", addr: 0x1000, length: 4096 });
  recorder.write(log);
  expect((await pagetrail(["maps", log, "--at", "@a"])).err).toContain(
    "is of another log that had this name",
  );
  for (const damaged of ["", "{}", text.slice(0, -20), text.replace("3", '"3"')]) {
    writeFileSync(file, damaged);
    expect((await pagetrail(["maps", log, "--at", "@a"])).err).toContain("is damaged: delete it");
  }
  expect((await pagetrail(["maps", log, "--at", "4"])).code).toBe(0);
});
