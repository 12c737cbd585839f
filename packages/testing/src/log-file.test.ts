import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFolder } from "./folder.ts";
import { importStrace } from "./imports.ts";
import { readRun, saveFailingRun, writeRun } from "./log-file.ts";
import { Machine } from "./machine.ts";
import { playScenario } from "./play-scenario.ts";
import { anonymous } from "./region.ts";
import { stateAt } from "./run.ts";
import { strip } from "./strip.ts";
import "./setup.ts";

describe("a log", () => {
  test("gives back the run that was written, sealed with its states", () => {
    const { machine } = strip("AA..AA").write("A.....").fork().munmap("..AA..");
    const run = readRun(writeRun(join(testFolder(), "strip.ptlog"), machine));
    expect(run).toReplay();
    expect(run.seals).toHaveLength(1);
    expect(run.events.map(({ request }) => request)).toEqual(machine.events.map(({ request }) => request));
    expect(run.profile).toEqual(machine.profile);
    expect(stateAt(run).seq).toBe(machine.state.seq);
    expect({ state: stateAt(run), process: 1 }).toMatchMaps({ state: machine.state, process: 1 });
  });

  test("is sealed as often as a long one has to be", () => {
    const machine = new Machine();
    for (let i = 0; i < 2100; i++) machine.ask({ call: "munmap", addr: 0x20000000, length: 0x1000 });
    const run = readRun(writeRun(join(testFolder(), "long.ptlog.gz"), machine));
    expect(run.seals.map(({ seq }) => seq)).toEqual([1024, 2048, 2101]);
    expect(run).toReplay();
  });

  test("is refused where a byte of it is another, with the place", () => {
    const path = writeRun(join(testFolder(), "damaged.ptlog"), new Machine());
    writeFileSync(path, readFileSync(path, "utf8").replace('"comm":"test"', '"comm":"tess"'));
    expect(() => readRun(path)).toThrow(/damaged\.ptlog/);
    expect(() => readRun(join(testFolder(), "nothing.ptlog"))).toThrow(/nothing\.ptlog/);
  });
});

test("a failing run is saved below a folder that is made for it, by a name that files may have", () => {
  const folder = join(testFolder(), "deep", "down");
  const path = saveFailingRun(new Machine(), { name: "Speicher läuft über: 3/4!", folder });
  expect(path).toBe(join(folder, "Speicher-läuft-über-3-4.ptlog"));
  expect(existsSync(path)).toBe(true);
  expect(saveFailingRun(new Machine(), { name: "!", folder })).toBe(join(folder, "failing-run.ptlog"));
});

test("a write to a page is an event, which replays to the same state", () => {
  const { machine } = strip("AA..AA").write("^^..^^").mmap("..AA..");
  expect(machine.events.filter(({ request }) => request.call === "access")).toHaveLength(4);
  expect(machine).toReplay();
  expect(stateAt(machine)).toEqual(machine.state);
});

test("a run has no state behind an event that it does not have", () => {
  const machine = new Machine();
  machine.ask(anonymous(4096));
  expect(stateAt(machine, 0).tasks.size).toBe(0);
  expect(stateAt(machine, 1).tasks.size).toBe(1);
  expect(() => stateAt(machine, 3)).toThrow("the run has no event 3: its last is 2");
});

test("a trace and a scenario are runs as well", () => {
  const trace = importStrace(
    [
      "100   mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
      "100   munmap(0x7f0000000000, 4096) = 0",
      "",
    ].join("\n"),
  );
  expect(trace).toReplay();
  expect(trace).toHaveMapping("7f0000001000-7f0000002000 rw-p");
  const played = playScenario("process A\nA: mmap p 8K rw private anon\nA: munmap p 4K\n");
  expect(played.failures).toEqual([]);
  expect(played).toReplay();
});
