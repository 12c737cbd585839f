import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

test("pack writes a log packed, and back as the same text", async () => {
  const log = demoLog();
  const text = readFileSync(log);
  const { code, out } = await pagetrail(["pack", log]);
  expect(code).toBe(0);
  expect(out).toMatch(/demo\.ptlog\.gz: 12 events in [\d,]+ bytes\n$/);
  const packed = `${log}.gz`;
  expect(readFileSync(packed).length).toBeLessThan(text.length);
  expect((await pagetrail(["maps", packed])).out).toBe((await pagetrail(["maps", log])).out);
  expect((await pagetrail(["verify", packed])).code).toBe(0);
  const again = await pagetrail(["pack", packed, "-o", `${log}.again`, "--json"]);
  expect(JSON.parse(again.out)).toMatchObject({ schema: 1, events: 12, bytes: text.length });
  expect(readFileSync(`${log}.again`).equals(text)).toBe(true);
});

test("a log that breaks off is packed as far as it goes, which the exit code says too", async () => {
  const log = demoLog();
  writeFileSync(log, readFileSync(log).subarray(0, -300));
  const { code, err } = await pagetrail(["pack", log]);
  expect(code).toBe(2);
  expect(err).toContain("were not written to their end and are left out");
  expect((await pagetrail(["info", `${log}.gz`])).code).toBe(0);
});

test("pack refuses what it cannot pack", async () => {
  const log = demoLog();
  expect((await pagetrail(["pack", log, "-o", log])).code).toBe(2);
  expect((await pagetrail(["pack", "-"])).code).toBe(2);
  expect((await pagetrail(["pack", `${log}.none`])).code).toBe(2);
  writeFileSync(log, readFileSync(log, "latin1").replace("munmap", "munmop"));
  const { code, err } = await pagetrail(["pack", log]);
  expect(code).toBe(2);
  expect(err).toContain("line");
  expect(existsSync(`${log}.gz`)).toBe(false);
});
