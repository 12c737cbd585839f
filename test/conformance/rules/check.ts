import {
  describeOperation,
  type LiveMoment,
  type LiveRun,
  ModelRun,
  type Operation,
  type Surroundings,
  textOf,
} from "@pagetrail/conformance";
import type { Rule, Scene } from "./rule.ts";

/** One step of a rule as it was done in the model. */
export interface Done {
  /** Absent for a mere look. */
  readonly operation?: Operation;
  readonly scene: Scene;
  readonly moment: LiveMoment;
}

/** Does a rule's steps in the model. */
export function doInModel(rule: Rule, surroundings: Surroundings, start: LiveRun): readonly Done[] {
  const run = new ModelRun(surroundings, start, rule.child);
  const answers: string[] = [];
  let before = run.moment({ ret: 0 });
  const done: Done[] = [];
  const perform = (operation: Operation): Scene => {
    const scene: Scene = { start, before, answers: [...answers], surroundings };
    before = run.step(operation);
    answers.push(before.result);
    return scene;
  };
  for (const operation of rule.child.begins)
    done.push({ operation, scene: perform(operation), moment: before });
  for (const { doing } of rule.steps) {
    const scene: Scene = { start, before, answers: [...answers], surroundings };
    if (doing === undefined) done.push({ scene, moment: before });
    else {
      const operation = typeof doing === "function" ? doing(scene) : doing;
      done.push({ operation, scene: perform(operation), moment: before });
    }
  }
  return done;
}

/** What is otherwise than the rule says, in moments that either side has made; empty when it holds. */
export function complaints(
  rule: Rule,
  done: readonly Done[],
  moments: readonly LiveMoment[],
): readonly string[] {
  const first = rule.child.begins.length;
  return rule.steps.flatMap((step, i) => {
    const [one, moment] = [done[first + i], moments[first + i]];
    if (!one || !moment) return ["the process is gone"];
    const scene = { ...one.scene, before: moments[first + i - 1] ?? one.scene.before };
    return step.looks.flatMap((look) => {
      const wrong = look(moment, scene);
      if (wrong === undefined) return [];
      const what = one.operation ? describeOperation(one.operation, rule.child.abi) : "then";
      return [`${what}: ${wrong}`];
    });
  });
}

/** The kernel's moments, one for every step of the model: a look is at what the operation before it left. */
export function alongside(done: readonly Done[], live: LiveRun): readonly LiveMoment[] {
  let next = 0;
  return done.flatMap(({ operation }) => {
    if (operation) next++;
    const moment = live.moments[next];
    return moment ? [moment] : [];
  });
}

/** Where model and kernel part; undefined when they agree after every step. */
export function difference(done: readonly Done[], kernel: readonly LiveMoment[]): string | undefined {
  for (const [i, { operation, moment }] of done.entries()) {
    const [mine, theirs] = [textOf(moment), textOf(kernel[i])];
    if (mine === theirs) continue;
    const name = operation ? describeOperation(operation, "x86-64") : "then";
    const [a, b] = [mine.split("\n"), theirs.split("\n")];
    const only = (lines: readonly string[], others: readonly string[], who: string): readonly string[] =>
      lines.filter((line) => !others.includes(line)).map((line) => `${who}: ${line}`);
    return [name, ...only(a, b, "model "), ...only(b, a, "kernel")].join("\n");
  }
  return undefined;
}
