import { Machine, mapsOf, strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { Arena } from "../src/arena.ts";

const arenaOn = (machine: Machine): Arena => new Arena((request) => machine.ask(request));

describe("an arena", () => {
  test("makes its first chunk with a guard page behind it", () => {
    const machine = new Machine();
    const page = arenaOn(machine).take();
    expect(page).toBe(0x7ffff7ffa000);
    expect(machine).toMatchMaps(`
      7ffff7ffa000-7ffff7ffe000 rw-p
      7ffff7ffe000-7ffff7fff000 ---p
    `);
  });

  test("has two mappings a chunk, which the guard pages keep apart", () => {
    const machine = new Machine();
    const arena = arenaOn(machine);
    for (let n = 0; n < 9; n++) arena.take();
    expect(arena.chunks).toHaveLength(3);
    expect(mapsOf(machine).mappings.filter(({ name }) => name !== "[vsyscall]")).toHaveLength(6);
  });

  test("gives all chunks but one back", () => {
    const machine = new Machine();
    const arena = arenaOn(machine);
    const pages = Array.from({ length: 9 }, () => arena.take());
    for (const page of pages) arena.give(page ?? 0);
    expect(arena.chunks).toHaveLength(1);
    expect(mapsOf(machine).bytes).toBe(5 * 4096);
    expect(machine).toReplay();
  });

  test("has no page where its process may have no more memory", () => {
    const machine = new Machine();
    const limit = { soft: 8 * 4096, hard: Number.POSITIVE_INFINITY };
    machine.ask({ call: "setrlimit", target: 0, resource: "as", ...limit });
    const arena = arenaOn(machine);
    expect(Array.from({ length: 5 }, () => arena.take()).filter((page) => page !== undefined)).toHaveLength(
      4,
    );
    expect(machine.events.at(-1)?.outcome).toMatchObject({ errno: "ENOMEM" });
  });
});

test("what the kernel does with a guard page, drawn", () => {
  expect(strip("AAAA").mprotect("...__")).toMatchInlineSnapshot(`AAA_.`);
  expect(strip("AAAAA").mprotect("....._".slice(1))).toMatchInlineSnapshot(`AAAA_`);
  expect(strip("AAAA_AAAA_").munmap("AAAAA.....")).toMatchInlineSnapshot(`.....AAAA_`);
});
