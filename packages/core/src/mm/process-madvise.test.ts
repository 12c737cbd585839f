import { flagged, Machine, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE, pid, type Word } from "../base/index.ts";
import { MADV, MAP } from "./mman.ts";

const HERE = 0x20000000;
const HOLE = 0x10000000;
const P = PAGE_SIZE;
const CHILD = pid(2);

function machine(): Machine {
  const m = new Machine();
  m.ask(flagged(2 * P, MAP.FIXED, HERE));
  m.ask({ call: "clone", flags: 0, child: CHILD });
  return m;
}

const advise = (ranges: readonly (readonly [Word, Word])[], advice: number, target = 0, flags = 0): string =>
  told(machine().ask({ call: "process_madvise", target, ranges, advice, flags }));

describe("process_madvise", () => {
  test("answers the bytes that it advised about", () => {
    expect(
      advise(
        [
          [HERE, P],
          [HERE + P, P],
        ],
        MADV.SEQUENTIAL,
      ),
    ).toBe("2000");
    expect(advise([], MADV.SEQUENTIAL)).toBe("0");
  });

  test("stops at the first range that is refused, and tells the error only if nothing came before", () => {
    expect(
      advise(
        [
          [HERE, P],
          [HOLE, P],
        ],
        MADV.SEQUENTIAL,
      ),
    ).toBe("1000");
    expect(advise([[HOLE, P]], MADV.SEQUENTIAL)).toBe("ENOMEM");
  });

  test("may only reclaim or collapse memory of another process", () => {
    expect(advise([[HERE, P]], MADV.COLD, CHILD)).toBe("1000");
    expect(advise([[HERE, P]], MADV.SEQUENTIAL, CHILD)).toBe("EINVAL");
  });

  test("takes no flags, and needs a process", () => {
    expect(advise([[HERE, P]], MADV.COLD, 0, 1)).toBe("EINVAL");
    expect(advise([[HERE, P]], MADV.COLD, -1)).toBe("EBADF");
    expect(advise([[HERE, P]], MADV.COLD, 99)).toBe("ESRCH");
  });
});
