import { describe, expect, test } from "vitest";
import * as symbols from "./symbols.ts";

describe("the tables of constants", () => {
  test("flags of a set take one bit each, save the names that stand for several", () => {
    const several = new Set(["MAP_SHARED_VALIDATE", "O_ACCMODE", "O_SYNC", "O_TMPFILE"]);
    for (const table of [
      symbols.PROT,
      symbols.MAP,
      symbols.MREMAP,
      symbols.CLONE,
      symbols.O,
      symbols.MFD,
      symbols.SHM,
    ])
      for (const [name, value] of Object.entries(table))
        if (!several.has(name))
          expect([name, value === 0 || Number.isInteger(Math.log2(value))]).toEqual([name, true]);
  });

  test("real-time signals count from 32, as strace names them", () => {
    expect(symbols.SIGNALS).toMatchObject({ SIGRTMIN: 32, SIGRT_1: 33, SIGRT_31: 63, SIGCHLD: 17 });
  });

  test("flags above 32 bits are exact", () => {
    expect(symbols.CLONE).toMatchObject({ CLONE_CLEAR_SIGHAND: 2 ** 32, CLONE_INTO_CGROUP: 2 ** 33 });
  });
});
