import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applySteps, decodeSteps, FirstDigest, initialState, replayEvents } from "@pagetrail/core";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, test } from "vitest";
import { openLog } from "../open-log.ts";
import { Output } from "../output.ts";
import { collecting, pagetrail } from "../testing/log-fixture.ts";

const PAGE = readFileSync(new URL("../../../../docs/DIFF.md", import.meta.url), "utf8");
const [, SCENARIO = ""] = /^```scenario\n(.*?)^```/ms.exec(PAGE) ?? [];
const SHOWN = [...PAGE.matchAll(/^```console\n\$ pagetrail (.*?)\n(.*?)^```/gms)].map(
  ([, command = "", output = ""]) => ({ command, output }),
);

/** The log of the page's scenario. */
async function demoLog(): Promise<string> {
  const [folder, log] = [testFolder(), "demo.ptlog"];
  const scenario = join(folder, "demo.scenario");
  writeFileSync(scenario, SCENARIO);
  const path = join(folder, log);
  expect(await pagetrail(["run", scenario, "-o", path])).toMatchObject({ code: 0 });
  return path;
}

test("docs/DIFF.md has examples", () => {
  expect(SHOWN.length).toBeGreaterThanOrEqual(5);
});

test.each(SHOWN)("docs/DIFF.md: pagetrail $command", async ({ command, output }) => {
  const log = await demoLog();
  const texts = [...PAGE.matchAll(/^```maps (\S+)\n(.*?)^```/gms)];
  const paths = new Map<string, string>([["demo.ptlog", log]]);
  for (const [, name = "", text = ""] of texts) {
    const path = join(testFolder(), name);
    writeFileSync(path, text);
    paths.set(name, path);
  }
  const { out } = await pagetrail(command.split(" ").map((word) => paths.get(word) ?? word));
  expect(out.replaceAll(log, "demo.ptlog")).toBe(output);
});

test("the steps that docs/DIFF.md shows lead from one moment to the other", async () => {
  const path = await demoLog();
  const [, json = ""] =
    /^```console\n\$ pagetrail diff demo\.ptlog 5 6 --steps\n(.*?)^```/ms.exec(PAGE) ?? [];
  const { steps } = JSON.parse(json) as { steps: readonly { readonly kind: string }[] };
  const kept = decodeSteps(steps.filter(({ kind }) => kind !== "pte" && kind !== "frame"));
  if (!kept.ok) throw new Error(kept.error);
  const io = { stdout: collecting().sink, stderr: collecting().sink, env: {} };
  const log = await openLog(path, new Output({ ...io, interrupted: new AbortController().signal }));
  if (!log.ok) throw new Error(log.error.what);
  const { events, origin } = log.value.timeline;
  expect(origin.seq).toBe(initialState(log.value.profile).seq);
  const before = replayEvents(origin, events.slice(0, 5)).state;
  const after = replayEvents(before, events.slice(5, 6)).state;
  const digest = new FirstDigest((text) => text);
  expect(digest.of(applySteps(before, kept.value))).toBe(digest.of(after));
});
