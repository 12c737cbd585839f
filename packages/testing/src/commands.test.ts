import { existsSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { initialState, type Request, replayEvents } from "@pagetrail/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertRuns } from "./assert-runs.ts";
import { type Beside, type MachineCommand, RequestCommand, requestCommands } from "./commands.ts";
import { testFolder } from "./folder.ts";
import { readRun } from "./log-file.ts";
import { FIRST, Machine } from "./machine.ts";
import { PAGE_MACHINE, PageMachine } from "./page-machine.ts";
import { anonymous } from "./region.ts";
import "./setup.ts";

const play = (commands: Iterable<MachineCommand>, machine = new Machine()): Machine => {
  fc.modelRun(() => ({ model: machine, real: {} }), commands);
  return machine;
};

/** How requests ended that a program with room enough would not have asked for. */
const refusals = ({ events }: Machine): readonly string[] =>
  events.flatMap(({ request, outcome }) =>
    "ret" in outcome ? [] : [`${request.call}: ${"errno" in outcome ? outcome.errno : "a signal"}`],
  );

describe("sequences of commands", () => {
  test("ask for nothing that is refused", () => {
    fc.assert(
      fc.property(requestCommands(), (commands) => {
        expect(refusals(play(commands))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("nor do they where pages are modelled", () => {
    fc.assert(
      fc.property(requestCommands({ maxCommands: 60 }), (commands) => {
        expect(refusals(play(commands, new PageMachine(PAGE_MACHINE)))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("stay so however they are shrunk", () => {
    const outcomes: (readonly string[])[] = [];
    const details = fc.check(
      fc.property(requestCommands(), (commands) => {
        const machine = play(commands);
        outcomes.push(refusals(machine));
        return machine.events.filter(({ request }) => request.call === "reap").length < 2;
      }),
      { numRuns: 500, seed: 7 },
    );
    expect(details.failed).toBe(true);
    expect(details.numShrinks).toBeGreaterThan(5);
    expect(outcomes.flat()).toEqual([]);
    const [commands] = details.counterexample ?? [];
    const calls = commands ? play(commands).events.map(({ request }) => request.call) : [];
    expect(calls.sort()).toEqual([
      ...["adopt", "clone", "clone", "exit_group", "exit_group"],
      ...["reap", "reap"],
    ]);
  });

  test("do everything that they can do", () => {
    const calls = new Set<string>();
    fc.assert(
      fc.property(requestCommands({ maxCommands: 60 }), (commands) => {
        for (const { request } of play(commands).events) calls.add(request.call);
      }),
      { numRuns: 100, seed: 1 },
    );
    expect([...calls].sort()).toEqual([
      ...["access", "adopt", "clone", "exit_group", "madvise", "mmap"],
      ...["mprotect", "mremap", "munmap", "reap"],
    ]);
  });

  test("have no children where one process is the most", () => {
    fc.assert(
      fc.property(requestCommands({ maxProcesses: 1 }), (commands) => {
        expect(play(commands).state.tasks.size).toBe(1);
      }),
      { numRuns: 40 },
    );
  });

  test("never have more processes than they may", () => {
    fc.assert(
      fc.property(requestCommands({ maxProcesses: 2, maxCommands: 60 }), (commands) => {
        const { state } = play(commands);
        expect([...state.tasks.values()].filter((task) => task.mm !== 0).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a property of runs", () => {
  const mappings = (machine: Machine): number => machine.mm(FIRST).vmas.size;

  test("that holds is silent, and saves nothing", () => {
    const folder = testFolder();
    assertRuns(
      { commands: requestCommands(), beside: () => ({}), holds: (m) => expect(m.state).toSatisfyLaws() },
      { numRuns: 30, save: { folder } },
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("tells whoever stands beside of every request", () => {
    const heard: Request[] = [];
    const told: (readonly Request[])[] = [];
    assertRuns(
      {
        commands: requestCommands({ maxCommands: 10 }),
        beside: (): Beside => {
          heard.length = 0;
          return { asked: (request) => heard.push(request) };
        },
        holds: (m) => told.push([m.events.at(-1)?.request ?? anonymous(1), ...heard.slice(-1)]),
      },
      { numRuns: 10 },
    );
    expect(told.length).toBeGreaterThan(0);
    for (const [asked, listened] of told) expect(listened).toBe(asked);
  });

  const failing = (save: { readonly folder: string; readonly name?: string } | false): Error => {
    try {
      assertRuns(
        {
          commands: requestCommands(),
          beside: () => ({}),
          holds: (m) => expect(mappings(m)).toBeLessThan(3),
        },
        { seed: 5, save },
      );
    } catch (error) {
      if (error instanceof Error) return error;
    }
    throw new Error("this property fails");
  };

  test("that fails is shrunk, and saved as the log of what led there", () => {
    const folder = testFolder();
    const { message } = failing({ folder, name: "too many mappings: of one process" });
    const [, path = ""] = /pagetrail events (\S+)$/.exec(message) ?? [];
    expect(basename(path)).toBe("too-many-mappings-of-one-process.ptlog");
    const run = readRun(path);
    expect(run).toReplay();
    // Three mappings take two requests at the least: one of three pages, and the middle of it changed.
    expect(run.events.map(({ request }) => request.call)).toEqual(["adopt", "mmap", expect.anything()]);
    const { state } = replayEvents(initialState(run.profile), run.events);
    expect(state.mms.get(state.tasks.get(FIRST)?.mm as never)?.vmas.size).toBe(3);
    expect(message).toContain("{ seed: 5, path:");
    expect(message).toContain("process 0 maps 3 private");
  });

  test("that fails says why", () => {
    expect(failing(false).cause).toMatchObject({ message: expect.stringContaining("less than 3") });
  });

  test("is saved nowhere where nobody wants it", () => {
    expect(failing(false).message).not.toContain("pagetrail events");
    expect(existsSync("pagetrail-failures")).toBe(false);
  });

  test("may have commands of a program's own", () => {
    const grow = new RequestCommand("grow", (m) => ({
      tid: FIRST,
      request: anonymous(4096 * m.events.length),
    }));
    expect(() =>
      assertRuns(
        {
          commands: fc.commands([fc.constant(grow)], { size: "max", maxCommands: 10 }),
          beside: () => ({}),
          holds: (m) => expect(m.mm().totalVm).toBeLessThan(6),
        },
        { save: false },
      ),
    ).toThrow(/grow,grow,grow/);
  });
});
