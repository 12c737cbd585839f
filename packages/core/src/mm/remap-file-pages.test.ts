import { anonymous, flagged, Machine, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, PAGE_SIZE } from "../base/index.ts";
import { maps } from "../procfs/index.ts";
import { MAP } from "./mman.ts";

const HERE = 0x20000000;
const P = PAGE_SIZE;

/** Four pages of a memfd from its start, and what the call makes of a part. */
function machine(flags: number = MAP.SHARED): Machine {
  const m = new Machine();
  const file = { id: fileId(1), path: "/memfd:f", kind: "shmem", readable: true, writable: true } as const;
  m.ask({ call: "file", file: { ...file, deleted: true, size: 2 ** 20 } });
  m.ask(anonymous(4 * P, { addr: HERE, flags: flags | MAP.FIXED, file: 1 }));
  return m;
}

const remap = (m: Machine, page: number, pages: number, pgoff: number, prot = 0): string =>
  told(m.ask({ call: "remap_file_pages", addr: HERE + page * P, size: pages * P, prot, pgoff, flags: 0 }));

const shape = (m: Machine): readonly string[] =>
  maps(m.state, m.mm())
    .split("\n")
    .filter((line) => line.startsWith("200"))
    .map((line) => line.slice(0, 35));

describe("remap_file_pages", () => {
  test("shows another part of the file", () => {
    const m = machine();
    expect(remap(m, 1, 1, 9)).toBe("0");
    expect(shape(m)).toEqual([
      "20000000-20001000 rw-s 00000000 00:",
      "20001000-20002000 rw-s 00009000 00:",
      "20002000-20004000 rw-s 00002000 00:",
    ]);
  });

  test("may span mappings of one file, but no hole and no private one", () => {
    const m = machine();
    remap(m, 1, 1, 9);
    expect(remap(m, 0, 4, 0)).toBe("0");
    expect(shape(m)).toHaveLength(1);
    expect(remap(m, 2, 4, 0)).toBe("EINVAL");
    expect(remap(machine(MAP.PRIVATE), 0, 1, 1)).toBe("EINVAL");
  });

  test("takes no protection, no empty range, and no anonymous memory", () => {
    expect(remap(machine(), 0, 1, 1, 1)).toBe("EINVAL");
    expect(remap(machine(), 0, 0, 1)).toBe("EINVAL");
    const m = new Machine();
    m.ask(flagged(P, MAP.FIXED, HERE));
    expect(remap(m, 0, 1, 1)).toBe("EINVAL");
  });

  test("of all that is left of a removed segment leaves a hole", () => {
    const attach = (): Machine => {
      const m = new Machine();
      m.ask({ call: "shmget", key: 0, size: 4 * P, shm: 7 });
      m.ask({ call: "shmat", shm: 7, addr: HERE, flags: 0 });
      return m;
    };
    const there = attach();
    expect(remap(there, 0, 4, 0)).toBe("0");
    const removed = attach();
    removed.ask({ call: "shmrm", shm: 7 });
    expect(remap(removed, 2, 2, 0)).toBe("0");
    expect(remap(removed, 0, 4, 0)).toBe("EINVAL");
    expect(shape(removed)).toEqual([]);
  });
});
