import { MAP } from "@pagetrail/core";
import { expect, test } from "vitest";
import { Machine } from "./machine.ts";
import { Maps, mapsOf } from "./maps.ts";
import { anonymous } from "./region.ts";
import { strip } from "./strip.ts";
import "./setup.ts";

const machine = (): Machine => {
  const made = new Machine();
  made.ask(anonymous(0x2000, { addr: 0x20000000, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED }));
  return made;
};

test("a strip is its row", () => {
  expect(strip("AA..AA").mmap("..Aa..")).toMatchInlineSnapshot(`AAAaAA`);
});

test("maps are their lines", () => {
  expect(mapsOf(machine())).toMatchInlineSnapshot(`
    20000000-20002000 rw-p 00000000 00:00 0
    ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
  `);
});

test("a state is the maps of each process, and so is a machine at some moment", () => {
  const forked = machine();
  forked.ask({ call: "clone", flags: 17, child: 2 as never });
  forked.ask({ call: "munmap", addr: 0x20001000, length: 0x1000 }, 2 as never);
  expect(forked).toMatchInlineSnapshot(`
    state behind event 4
    process 1 (test)
      20000000-20002000 rw-p 00000000 00:00 0
      ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
    process 2 (test)
      20000000-20001000 rw-p 00000000 00:00 0
      ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
  `);
});

test("they stand among other values as those do", () => {
  expect({ before: strip("AA"), after: strip("A."), state: machine().state, n: 1 }).toMatchInlineSnapshot(`
    {
      "after": A.,
      "before": AA,
      "n": 1,
      "state": state behind event 2
      process 1 (test)
        20000000-20002000 rw-p 00000000 00:00 0
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall],
    }
  `);
});

test("a text of maps is read as it is printed", () => {
  const { mappings, bytes } = mapsOf(machine());
  expect(bytes).toBe(0x2000);
  expect(mappings.map(({ start }) => start)).toEqual([0x20000000, 0xffffffffff600000]);
  expect(Maps.parse(String(mapsOf(machine()))).mappings).toEqual(mappings);
  expect(() => Maps.parse("2000-1000 rw-p")).toThrow("no line of maps");
});
