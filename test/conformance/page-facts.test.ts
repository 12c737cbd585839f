import {
  accountLines,
  comparePageSequences,
  type FamilyMoment,
  LivePages,
  type MemberAccount,
  PAGEMAP,
  pageScenarioText,
  SIZE_FIELDS,
  SMAPS_FIELDS,
  whyNoLivePages,
} from "@pagetrail/conformance";
import { afterAll, describe, expect, test } from "vitest";
import { FACTS, type Fact, SWAP_FACTS, WINDOW, ZERO_PROBE } from "./page-facts.ts";

const reason = whyNoLivePages();

/** What a fact may be about: pages and faults by name, from the member's own account. */
function numbersOf(account: MemberAccount | undefined): Readonly<Record<string, number>> {
  if (!account) return {};
  const sums = SMAPS_FIELDS.map((name, i): readonly [string, number] => [
    name,
    account.mappings.filter((m) => m.start < 2 ** 40).reduce((sum, m) => sum + (m.smaps[i] ?? 0) / 4, 0),
  ]);
  const sizes = SIZE_FIELDS.map((name, i): readonly [string, number] => [name, (account.sizes[i] ?? 0) / 4]);
  return Object.fromEntries([
    ...sums,
    ...sizes,
    ["minor", account.minorFaults],
    ["major", account.majorFaults],
  ]);
}

/** Numbers that follow from others, or are looked at only where a fact names them. */
const IN_PASSING = new Set<string>([
  ...SMAPS_FIELDS.filter((name) => name !== "Locked" && name !== "AnonHugePages" && name !== "LazyFree"),
  ...["VmPeak", "VmHWM", "VmExe", "VmLib", "Locked", "VmData", "VmSize", "VmStk"],
]);

function changes(fact: Fact, before: FamilyMoment, after: FamilyMoment): Readonly<Record<string, number>> {
  const member = fact.member ?? 0;
  const [a, b] = [numbersOf(before.members.get(member)), numbersOf(after.members.get(member))];
  const differ = Object.entries(b).map(([name, n]): readonly [string, number] => [name, n - (a[name] ?? 0)]);
  const named = fact.change ?? {};
  return Object.fromEntries(
    differ.filter(([name, n]) => name in named || (n !== 0 && !IN_PASSING.has(name))),
  );
}

/** The frames of the window's first pages at two moments, as facts write them. */
function framesText(
  zeros: number,
  moments: readonly FamilyMoment[],
  pages: number,
): readonly (readonly string[])[] {
  const letters = new Map<number, string>();
  const letter = (account: MemberAccount, page: number): string => {
    const address = WINDOW + page * 4096;
    const mapping = account.mappings.find((m) => m.start <= address && address < m.end);
    if (!mapping) return "-";
    const [bits = 0, frame = 0] = [mapping.bits, mapping.frames].map(
      (of) => of[(address - mapping.start) / 4096],
    );
    if ((bits & PAGEMAP.GUARD) !== 0) return "g";
    if ((bits & PAGEMAP.PRESENT) === 0) return ".";
    if (frame === zeros) return "z";
    if (!letters.has(frame)) letters.set(frame, String.fromCharCode(97 + letters.size));
    return letters.get(frame) ?? "";
  };
  return moments.map(({ members }) =>
    [...members.values()].map((account) =>
      Array.from({ length: pages }, (_, page) => letter(account, page)).join(""),
    ),
  );
}

describe.skipIf(reason !== undefined)(
  `what is known of pages${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const live = reason === undefined ? new LivePages() : undefined;
    afterAll(() => live?.close());

    const swaps = live !== undefined && live.machine.sysctl.swapPages > 0;
    const groups = swaps ? { swap: SWAP_FACTS } : FACTS;
    const facts = Object.values(groups).flat();
    const runs = live?.execute([ZERO_PROBE, ...facts.map(({ first, act }) => [...first, ...act])]) ?? [];
    const mine = live
      ? comparePageSequences(
          live,
          facts.map(({ first, act }) => [...first, ...act]),
        )
      : [];
    const zeros = frameOfZeros(runs[0]?.moments.at(-1));
    for (const [heading, group] of Object.entries(groups)) {
      describe(heading, () => {
        for (const fact of group) {
          test(`kernel: ${fact.says}`, () => {
            hold(fact, runs[1 + facts.indexOf(fact)]?.moments ?? [], zeros);
          });
          test(`model: ${fact.says}`, () => {
            const difference = mine[facts.indexOf(fact)];
            expect(difference && pageScenarioText(difference)).toBeUndefined();
          });
        }
      });
    }
  },
);

/** The frame that a page has which was only read. */
function frameOfZeros(moment: FamilyMoment | undefined): number {
  const [frame] = moment?.members.get(0)?.mappings[0]?.frames ?? [];
  return frame ?? -1;
}

/** Holds a run to a fact. */
function hold(fact: Fact, moments: readonly FamilyMoment[], zeros: number): void {
  const before = moments[fact.first.length];
  const after = moments[fact.first.length + fact.act.length];
  if (!before || !after) throw new Error("the run is too short");
  expect(after.result).toBe(fact.result ?? "0x0");
  const account = after.members.get(fact.member ?? 0);
  const story = account ? accountLines(account).join("\n") : "no process";
  if (fact.change) expect(changes(fact, before, after), story).toEqual(fact.change);
  if (!fact.frames) return;
  const pages = Math.max(...fact.frames.flat().map((text) => text.length));
  expect(framesText(zeros, [before, after], pages), story).toEqual(fact.frames);
}
