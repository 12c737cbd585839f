import { decodeProfile, encodeProfile, parseWord, violations } from "@pagetrail/core";
import { Random } from "../random.ts";
import { firstDifference, type PageDifference } from "./compare.ts";
import { FamilyModel } from "./family-model.ts";
import { PageGenerator, somePageFeatures } from "./generator.ts";
import { type LivePages, type PagePlace, parseFamilyRun } from "./live-pages.ts";
import type { PageOperation } from "./operation.ts";

/** What a family is to do. */
export interface NamedRun {
  readonly name: string;
  readonly operations: readonly PageOperation[];
}

/** What it did, and what the kernel told of it. */
export interface RecordedRun extends NamedRun {
  readonly text: string;
}

/** Runs of families on a kernel, to be compared where no such kernel runs. */
export interface PageRecording {
  readonly place: PagePlace;
  readonly runs: readonly RecordedRun[];
}

/** The file of the recording stands in no particular folder. */
const FILE = "/pages/file";

/** Has families do their operations on the running kernel. */
export function recordPages(live: LivePages, runs: readonly NamedRun[]): PageRecording {
  const texts = live.texts(runs.map(({ operations }) => operations));
  const { machine, fileKind, readAhead } = live;
  return {
    place: { machine, file: FILE, fileKind, readAhead },
    runs: runs.map((run, i) => ({ ...run, text: (texts[i] ?? "").replaceAll(live.file, FILE) })),
  };
}

/** `length` operations for each seed, drawn as `comparePages` draws them. */
export function drawRuns(live: LivePages, seeds: readonly number[], length: number): readonly NamedRun[] {
  const [start] = live.execute([[]]);
  if (!start) throw new Error("the program told nothing");
  return seeds.map((seed) => {
    const family = new FamilyModel(live, start);
    const random = new Random(seed);
    const generator = new PageGenerator(random, somePageFeatures(random), family);
    const operations = Array.from({ length }, () => {
      const operation = generator.next();
      family.step(operation);
      return operation;
    });
    return { name: `seed ${seed}`, operations };
  });
}

/** The first difference between the model and the run's kernel, or the first law that the model breaks. */
export function compareRecorded(
  place: PagePlace,
  { operations, text }: RecordedRun,
): PageDifference | undefined {
  const kernel = parseFamilyRun(text);
  const family = new FamilyModel(place, kernel);
  const moments = [family.moment("start")];
  for (const [i, operation] of operations.entries()) {
    moments.push(family.step(operation));
    const [broken] = violations(family.state);
    if (!broken) continue;
    const model = [`${broken.law}, ${broken.where}: ${broken.what}`];
    return { operations: operations.slice(0, i + 1), model, kernel: [] };
  }
  return firstDifference(operations, moments, kernel.moments);
}

/** A recording's text: a line for the place, then one for each run. */
export function writePageRecording({ place, runs }: PageRecording): string {
  const lines = [{ ...place, machine: encodeProfile(place.machine) }, ...runs];
  return lines.map((line) => `${JSON.stringify(line, wordsAsHex)}\n`).join("");
}

export function readPageRecording(text: string): PageRecording {
  const [head = "{}", ...runs] = text.trimEnd().split("\n");
  const place = JSON.parse(head) as PagePlace & { readonly machine: unknown };
  const machine = decodeProfile(place.machine);
  if (!machine.ok) throw new Error(machine.error);
  return {
    place: { ...place, machine: machine.value },
    runs: runs.map((run) => JSON.parse(run, hexAsWords) as RecordedRun),
  };
}

const wordsAsHex = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? `0x${value.toString(16)}` : value;

const hexAsWords = (_: string, value: unknown): unknown =>
  typeof value === "string" && /^0x[0-9a-f]+$/.test(value) ? parseWord(value) : value;
