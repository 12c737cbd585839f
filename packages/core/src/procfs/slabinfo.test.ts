import { PageMachine } from "@pagetrail/testing";
import { expect, test } from "vitest";
import { PROT } from "../mm/index.ts";
import { slabCaches } from "./slabinfo.ts";

test("objects fill slabs: another is begun when the last is full", () => {
  const m = new PageMachine();
  const room = (): readonly number[] => {
    const { active, objects, slabs } = slabCaches(m.state).vm_area_struct;
    return [active, objects, slabs];
  };
  const before = m.mm().vmas.size;
  for (let n = before; n < 21; n++) m.map(0x20000 + 2 * n, 1, { prot: PROT.READ });
  expect(room()).toEqual([21, 21, 1]);
  m.map(0x1fffe, 1, { prot: PROT.READ });
  expect(room()).toEqual([22, 42, 2]);
});
