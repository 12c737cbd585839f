import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertRuns, type Beside, type Machine, mapsOf, requestCommandArbitraries } from "@pagetrail/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { Arena, CHUNK, CHUNK_PAGES } from "../src/arena.ts";

/** The arena that a sequence of commands works with. */
interface Program extends Beside {
  readonly arena: Arena;
}

class Take implements fc.Command<Machine, Program> {
  check = (): boolean => true;
  run(_: Machine, { arena }: Program): void {
    arena.take();
  }
  toString = (): string => "take";
}

/** Gives back one of the pages in use, the n-th of them: whichever that is, when its turn comes. */
class Give implements fc.Command<Machine, Program> {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  check = (): boolean => true;
  run(_: Machine, { arena }: Program): void {
    const { pages } = arena;
    const page = pages[this.n % Math.max(1, pages.length)];
    if (page !== undefined) arena.give(page);
  }
  toString = (): string => `give ${this.n}`;
}

const own = [fc.constant(new Take()), fc.nat(9).map((n) => new Give(n))];
const programOn = (machine: Machine): Program => ({ arena: new Arena((request) => machine.ask(request)) });

const holdsItsPages = (machine: Machine, { arena }: Program): void => {
  const { mappings } = mapsOf(machine, 1);
  for (const page of arena.pages)
    expect(mappings.some((m) => page >= m.start && page < m.end && m.permissions === "rw-p")).toBe(true);
};

describe("whatever is taken and given back", () => {
  test("an arena holds its pages, and no more than its chunks", () => {
    assertRuns({
      commands: fc.commands(own, { maxCommands: 60, size: "max" }),
      beside: programOn,
      holds: (machine, program) => {
        holdsItsPages(machine, program);
        expect(mapsOf(machine).bytes).toBe(program.arena.chunks.length * CHUNK);
      },
    });
  });

  test("no law of memory breaks, whatever else its program and the children of that do", () => {
    assertRuns({
      commands: fc.commands<Machine, Program>([...own, ...requestCommandArbitraries({ maxPages: 3 })], {
        maxCommands: 40,
        size: "max",
      }),
      beside: programOn,
      holds: (machine) => expect(machine.state).toSatisfyLaws(),
    });
  });
});

describe("a property that does not hold", () => {
  const folder = mkdtempSync(join(tmpdir(), "sample-project-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("is saved as a log that pagetrail opens", () => {
    const failing = (): void =>
      assertRuns(
        {
          commands: fc.commands(own, { maxCommands: 60, size: "max" }),
          beside: programOn,
          holds: (_, { arena }) => expect(arena.chunks.length).toBeLessThan(2),
        },
        { save: { folder, name: "two chunks" } },
      );
    expect(failing).toThrow(/pagetrail events .*two-chunks\.ptlog/);
    const main = join(import.meta.dirname, "../node_modules/pagetrail/dist/main.js");
    const ask = (...words: readonly string[]): string =>
      execFileSync(process.execPath, [main, ...words], { encoding: "utf8" });
    const log = join(folder, "two-chunks.ptlog");
    expect(ask("verify", log)).toContain("5 events");
    expect(ask("maps", log).match(/rw-p/g)).toHaveLength(2);
    // Five pages are taken: the first chunk has four.
    expect(ask("events", log).match(/mmap\(/g)).toHaveLength(Math.ceil(5 / CHUNK_PAGES));
  });
});
