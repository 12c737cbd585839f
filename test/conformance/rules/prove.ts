import {
  LiveKernel,
  type LiveRun,
  referenceStart,
  type Surroundings,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { REFERENCE_PROFILE, type Sysctl } from "@pagetrail/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alongside, complaints, type Done, difference, doInModel } from "./check.ts";
import type { Rule, Section } from "./rule.ts";

/** A machine of 6 GiB and of few mappings, where the program has no CAP_SYS_RESOURCE. */
const reference = (sysctl: Partial<Sysctl>): Surroundings => ({
  profile: {
    ...REFERENCE_PROFILE,
    sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages: 6 * 2 ** 18, maxMapCount: 1000, ...sysctl },
    capabilities: { ...REFERENCE_PROFILE.capabilities, sysResource: false },
  },
  committed: 2 ** 14,
  cpus: 2,
  file: "/file",
  fileKind: "disk",
});

/** A test for every rule in the model alone, on a machine that is everywhere the same. */
export function proveInModel(sections: readonly Section[], sysctl: Partial<Sysctl> = {}): void {
  const surroundings = reference(sysctl);
  describe("in the model", () => {
    describe.each(sections)("$title", ({ rules }) => {
      test.each(rules)("$name", (rule) => {
        const done = doInModel(rule, surroundings, referenceStart(rule.child));
        const moments = done.map(({ moment }) => moment);
        expect(complaints(rule, done, moments)).toEqual([]);
      });
    });
  });
}

interface Judged {
  readonly done: readonly Done[];
  readonly run: LiveRun | undefined;
}

/** Every one of the rules done by both sides: one start of the program for each kind of process. */
function judge(live: LiveKernel, asked: readonly Rule[]): ReadonlyMap<Rule, Judged> {
  const judged = new Map<Rule, Judged>();
  for (const child of new Set(asked.map((rule) => rule.child))) {
    const [start] = live.execute([[]], child);
    if (!start) throw new Error("the program told nothing");
    const mine = asked.filter((rule) => rule.child === child);
    const plans = mine.map((rule) => doInModel(rule, live, start));
    const runs = live.execute(
      plans.map((done) => done.flatMap(({ operation }) => (operation ? [operation] : []))),
      child,
    );
    for (const [i, rule] of mine.entries()) judged.set(rule, { done: plans[i] ?? [], run: runs[i] });
  }
  return judged;
}

/** What has to be done about the machine before and after its kernel is asked. */
export interface Setting {
  /** Why it cannot be done; undefined when it can. */
  readonly why: string | undefined;
  prepare(): void;
  restore(): void;
}

const AS_IT_IS: Setting = { why: undefined, prepare() {}, restore() {} };

/**
 * A test for every rule on the running kernel: it keeps what the rule says, and the model keeps step with it
 * after every operation.
 */
export function proveOnKernel(sections: readonly Section[], setting = AS_IT_IS): void {
  const reason = whyNoLiveKernel() ?? setting.why;
  const live = reason === undefined ? new LiveKernel() : undefined;
  const whyNot = ({ child, needs }: Rule): string | undefined => {
    if (!live) return reason;
    if (!live.abis.has(child.abi)) return "gcc -m32 does not work here";
    return needs.map((need) => need(live)).find((why) => why !== undefined);
  };
  describe(`on the running kernel${reason === undefined ? "" : ` (left out: ${reason})`}`, () => {
    let judged: ReadonlyMap<Rule, Judged> = new Map();
    beforeAll(() => {
      if (!live) return;
      setting.prepare();
      try {
        live.look();
        const rules = sections.flatMap((section) => section.rules);
        judged = judge(
          live,
          rules.filter((rule) => whyNot(rule) === undefined),
        );
      } finally {
        setting.restore();
      }
    });
    afterAll(() => live?.close());

    describe.each(sections)("$title", ({ rules }) => {
      for (const rule of rules) {
        const why = whyNot(rule);
        const note = why === undefined || why === reason ? "" : ` (left out: ${why})`;
        test.skipIf(why !== undefined)(`${rule.name}${note}`, () => {
          const { done, run } = judged.get(rule) ?? {};
          if (!done || !run) throw new Error("the kernel was not asked");
          const moments = alongside(done, run);
          expect(complaints(rule, done, moments)).toEqual([]);
          expect(difference(done, moments)).toBeUndefined();
        });
      }
    });
  });
}
