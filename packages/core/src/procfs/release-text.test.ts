import { flagged, type Machine, onEach, onEachMachine, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { execOf, pie } from "@pagetrail/testing/images";
import { expect, test } from "vitest";
import { MADV } from "../mm/index.ts";
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

test("Pss_Dirty came in 6.0 and KSM after 6.1; FilePmdMapped stood a column to the left in 5.4", () => {
  const lines = onEach((profile) => {
    const m = new PageMachine({ ...profile, pages: PAGE_MACHINE.pages });
    m.map(HERE / 4096, 1);
    m.touch("write", HERE / 4096);
    return entryOf(m, "20000000").filter((line) => /^(Pss|KSM|FilePmd)/.test(line));
  });
  const [pss, dirty, ksm] = [
    "Pss:                   4 kB",
    "Pss_Dirty:             4 kB",
    "KSM:                   0 kB",
  ];
  expect(lines).toEqual({
    "5.4": [pss, "FilePmdMapped:        0 kB"],
    "6.1": [pss, dirty, "FilePmdMapped:         0 kB"],
    "6.18": [pss, dirty, ksm, "FilePmdMapped:         0 kB"],
  });
});
