import {
  LiveKernel,
  type LiveRun,
  referenceStart,
  type Surroundings,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { REFERENCE_PROFILE } from "@pagetrail/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alongside, complaints, type Done, difference, doInModel } from "./check.ts";
import type { Rule } from "./rule.ts";
import { SECTIONS } from "./sections.ts";

/** A machine of 6 GiB and of few mappings, where the program has no CAP_SYS_RESOURCE. */
const REFERENCE: Surroundings = {
  profile: {
    ...REFERENCE_PROFILE,
    sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages: 6 * 2 ** 18, maxMapCount: 1000 },
    capabilities: { ...REFERENCE_PROFILE.capabilities, sysResource: false },
  },
  file: "/file",
  fileKind: "disk",
};

describe("in the model", () => {
  describe.each(SECTIONS)("$title", ({ rules }) => {
    test.each(rules)("$name", (rule) => {
      const done = doInModel(rule, REFERENCE, referenceStart(rule.child));
      expect(
        complaints(
          rule,
          done,
          done.map(({ moment }) => moment),
        ),
      ).toEqual([]);
    });
  });
});

const reason = whyNoLiveKernel();
const live = reason === undefined ? new LiveKernel() : undefined;

/** Why a rule cannot be put to this machine's kernel; undefined when it can. */
function whyNot({ child, needs }: Rule): string | undefined {
  if (!live) return reason;
  if (!live.abis.has(child.abi)) return "gcc -m32 does not work here";
  return needs.map((need) => need(live)).find((why) => why !== undefined);
}

interface Judged {
  readonly done: readonly Done[];
  readonly run: LiveRun | undefined;
}

/** Every rule that this kernel can be asked about, done by both sides: a start of the program for each child. */
function judge(kernel: LiveKernel): ReadonlyMap<Rule, Judged> {
  const asked = SECTIONS.flatMap(({ rules }) => rules.filter((rule) => whyNot(rule) === undefined));
  const judged = new Map<Rule, Judged>();
  for (const child of new Set(asked.map((rule) => rule.child))) {
    const [start] = kernel.execute([[]], child);
    if (!start) throw new Error("the program told nothing");
    const mine = asked.filter((rule) => rule.child === child);
    const plans = mine.map((rule) => doInModel(rule, kernel, start));
    const runs = kernel.execute(
      plans.map((done) => done.flatMap(({ operation }) => (operation ? [operation] : []))),
      child,
    );
    for (const [i, rule] of mine.entries()) judged.set(rule, { done: plans[i] ?? [], run: runs[i] });
  }
  return judged;
}

describe(`on the running kernel${reason === undefined ? "" : ` (left out: ${reason})`}`, () => {
  let judged: ReadonlyMap<Rule, Judged> = new Map();
  beforeAll(() => {
    if (live) judged = judge(live);
  });
  afterAll(() => live?.close());

  describe.each(SECTIONS)("$title", ({ rules }) => {
    for (const rule of rules) {
      const why = whyNot(rule);
      test.skipIf(why !== undefined)(
        `${rule.name}${why && why !== reason ? ` (left out: ${why})` : ""}`,
        () => {
          const { done, run } = judged.get(rule) ?? {};
          if (!done || !run) throw new Error("the kernel was not asked");
          const moments = alongside(done, run);
          expect(complaints(rule, done, moments)).toEqual([]);
          expect(difference(done, moments)).toBeUndefined();
        },
      );
    }
  });
});

describe("the rules", () => {
  test("have names that are told apart", () => {
    for (const { rules } of SECTIONS) {
      const names = rules.map(({ name }) => name);
      expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    }
  });
});
