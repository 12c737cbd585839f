import { PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { frameBehind } from "../fault/index.ts";

const OTHER = pid(2);
const HERE = 0x20000;
const THERE = 0x30000;
const at = (page: number): number => page * 4096;

/** Two processes that attach one segment, at different places. */
function attached(): PageMachine {
  const m = new PageMachine();
  m.fork(OTHER);
  m.ask({ call: "shmget", key: 0, size: at(2), shm: 0 });
  m.ask({ call: "shmat", shm: 0, addr: at(HERE), flags: 0 });
  m.ask({ call: "shmat", shm: 0, addr: at(THERE), flags: 0 }, OTHER);
  return m;
}

const cached = (m: PageMachine): number =>
  [...(m.state.memory?.caches.values() ?? [])].reduce((sum, cache) => sum + cache.count, 0);

describe("pages of a System V segment", () => {
  test("are the same for every process that attaches it", () => {
    const m = attached();
    m.touch("write", HERE + 1);
    m.touch("read", THERE + 1, OTHER);
    expect(frameBehind(m.pages(OTHER), THERE + 1)).toBe(frameBehind(m.pages(), HERE + 1));
    expect(cached(m)).toBe(1);
  });

  test("stay while nobody has it attached, and go when it is removed", () => {
    const m = attached();
    m.touch("write", HERE);
    const before = frameBehind(m.pages(), HERE);
    m.ask({ call: "shmdt", addr: at(HERE) });
    m.ask({ call: "shmdt", addr: at(THERE) }, OTHER);
    expect(cached(m)).toBe(1);
    m.ask({ call: "shmat", shm: 0, addr: at(HERE), flags: 0 });
    m.touch("read", HERE);
    expect(frameBehind(m.pages(), HERE)).toBe(before);
    m.ask({ call: "shmdt", addr: at(HERE) });
    m.ask({ call: "shmrm", shm: 0 });
    expect(cached(m)).toBe(0);
  });

  test("of one that is removed go with the last that has it attached", () => {
    const m = attached();
    m.touch("write", HERE);
    m.ask({ call: "shmrm", shm: 0 });
    m.ask({ call: "shmdt", addr: at(HERE) });
    expect(cached(m)).toBe(1);
    m.ask({ call: "exit_group", code: 0 }, OTHER);
    expect(cached(m)).toBe(0);
  });
});
