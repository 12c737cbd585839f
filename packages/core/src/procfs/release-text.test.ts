import { expect, test } from "vitest";
import { MADV } from "../mm/index.ts";
import { execOf, pie } from "../testing/images.ts";
import type { Machine } from "../testing/machine.ts";
import { flagged } from "../testing/region.ts";
import { onEachMachine } from "../testing/releases.ts";
import { smaps } from "./smaps.ts";

const HERE = 0x20000000;

const entryOf = (m: Machine, start: string): readonly string[] =>
  (
    smaps(m.state, m.mm())
      .split(/^(?=[0-9a-f]+-)/m)
      .find((e) => e.startsWith(start)) ?? ""
  ).split("\n");

test("THPeligible stands behind two tabs, four spaces or in a column", () => {
  const line = onEachMachine((m) => {
    m.ask(flagged(2 ** 21, 0x10, HERE));
    m.ask({ call: "madvise", addr: HERE, length: 2 ** 21, advice: MADV.HUGEPAGE });
    return entryOf(m, "20000000")[4];
  });
  expect(line).toEqual({
    "5.4": "THPeligible:\t\t1",
    "6.1": "THPeligible:    1",
    "6.18": "THPeligible:           1",
  });
});

test("VmFlags has dw for a program's own mappings in 5.4, and not for the program's later ones", () => {
  const flags = onEachMachine((m) => {
    m.ask({ call: "execve", path: "/p", load: execOf(pie()) });
    return entryOf(m, "555555555000").find((line) => line.startsWith("VmFlags"));
  });
  expect(flags).toEqual({
    "5.4": "VmFlags: rd ex mr mw me dw ",
    "6.1": "VmFlags: rd ex mr mw me ",
    "6.18": "VmFlags: rd ex mr mw me ",
  });
});
