import { MAP, violations } from "@pagetrail/core";
import { Random } from "../random.ts";
import {
  accountLines,
  type FamilyMoment,
  type MappingAccount,
  type MemberAccount,
  SIZE_FIELDS,
  SMAPS_FIELDS,
} from "./account.ts";
import { FamilyModel } from "./family-model.ts";
import { Frames } from "./frames.ts";
import { PageGenerator, somePageFeatures } from "./generator.ts";
import { type FamilyRun, type LivePages, type PagePlace, whoDisturbsPages } from "./live-pages.ts";
import type { PageOperation } from "./operation.ts";

/** Where model and kernel part: the operations up to there, and both sides. */
export interface PageDifference {
  readonly operations: readonly PageOperation[];
  readonly model: readonly string[];
  readonly kernel: readonly string[];
}

/** What a comparison found; each seed is told apart up to its first difference. */
export interface PageComparison {
  /** Operations after which nothing differed. */
  readonly operations: number;
  readonly differences: readonly (PageDifference & { readonly seed: number })[];
  /** Seeds whose difference did not come again, on a machine where somebody else looks at pages or takes them. */
  readonly passing: readonly number[];
}

/** What stands for the model: another one in tests of the comparison itself. */
export type MakeFamily = (place: PagePlace, start: FamilyRun) => FamilyModel;

const theModel: MakeFamily = (place, start) => new FamilyModel(place, start);

/**
 * Draws `length` operations for each seed, does them in the model and in a family of processes on the running
 * kernel, and compares after every one: how it ended, and all that smaps, pagemap, status and stat say of the
 * memory of every living member. Where somebody disturbs pages, a difference is one if it comes a second time.
 */
export function comparePages(
  live: LivePages,
  seeds: readonly number[],
  length: number,
  makeFamily = theModel,
): PageComparison {
  const start = startOf(live);
  const planned = seeds.map((seed) => plan(makeFamily(live, start), seed, length));
  const found = differencesOf(live, planned);
  const disturbed = whoDisturbsPages() !== undefined;
  let operations = 0;
  const differences: PageComparison["differences"][number][] = [];
  const passing: number[] = [];
  for (const [i, mine] of planned.entries()) {
    const seed = seeds[i] as number;
    const difference = found[i] && disturbed ? differencesOf(live, [mine])[0] : found[i];
    if (difference) differences.push({ seed, ...difference });
    else if (found[i]) passing.push(seed);
    operations += difference ? difference.operations.length - 1 : mine.operations.length;
  }
  return { operations, differences, passing };
}

/** The first difference that each sequence of operations leads to, undefined for none. */
export function comparePageSequences(
  live: LivePages,
  sequences: readonly (readonly PageOperation[])[],
  makeFamily = theModel,
): readonly (PageDifference | undefined)[] {
  const start = startOf(live);
  const planned = sequences.map((operations) => {
    const family = makeFamily(live, start);
    return { operations, moments: [family.moment("start"), ...operations.map((o) => family.step(o))] };
  });
  return differencesOf(live, planned);
}

/** Operations, and the model's moments: one for the start, then one for each. */
interface Planned {
  readonly operations: readonly PageOperation[];
  readonly moments: readonly FamilyMoment[];
}

function startOf(live: LivePages): FamilyRun {
  const [start] = live.execute([[]]);
  if (!start) throw new Error("the program told nothing");
  return start;
}

/** The laws look at every frame, which takes longer than the operations. */
const LAWS_EVERY = 25;

function plan(family: FamilyModel, seed: number, length: number): Planned {
  const random = new Random(seed);
  const generator = new PageGenerator(random, somePageFeatures(random), family);
  const operations: PageOperation[] = [];
  const moments = [family.moment("start")];
  while (operations.length < length) {
    const operation = generator.next();
    operations.push(operation);
    moments.push(family.step(operation));
    if (operations.length % LAWS_EVERY !== 0 && operations.length < length) continue;
    for (const v of violations(family.state))
      throw new Error(`seed ${seed}: ${v.law}, ${v.where}: ${v.what}`);
  }
  return { operations, moments };
}

function differencesOf(
  live: LivePages,
  planned: readonly Planned[],
): readonly (PageDifference | undefined)[] {
  const runs = live.execute(planned.map(({ operations }) => operations));
  return planned.map((mine, i) => firstDifference(mine.operations, mine.moments, runs[i]?.moments ?? []));
}

/** Where two runs of the same operations differ first. */
export function firstDifference(
  operations: readonly PageOperation[],
  model: readonly FamilyMoment[],
  kernel: readonly FamilyMoment[],
): PageDifference | undefined {
  const frames = new Frames();
  let locks = false;
  for (let at = 0; at <= operations.length; at++) {
    const operation = operations[at - 1];
    locks ||= operation !== undefined && mayLock(operation);
    const [mine, theirs] = [model[at], kernel[at]];
    const answered = theirs && operation ? { ...theirs, result: resultOf(operation, theirs.result) } : theirs;
    const difference =
      mine && answered ? momentsDiffer(mine, answered, locks) : sides([], ["it told no more"]);
    if (difference) return { operations: operations.slice(0, at), ...difference };
    if (!mine || !theirs) continue;
    const story = frames.compare(mine, theirs, operation !== undefined && renewsFrames(operation, locks));
    if (story !== undefined) return { operations: operations.slice(0, at), ...sides([story], []) };
  }
  return undefined;
}

/** The model knows no bytes of files, so that what a read found is not compared; nor is mincore's answer. */
function resultOf(operation: PageOperation, result: string): string {
  if ("access" in operation && result.startsWith("0x")) return "0x0";
  return "request" in operation && operation.request.call === "mincore"
    ? (result.split(" ")[0] ?? "")
    : result;
}

const sides = (
  model: readonly string[],
  kernel: readonly string[],
): Pick<PageDifference, "model" | "kernel"> => ({ model, kernel });

/** Pages that go and pages that come within one call may have the same frames. */
const renewsFrames = (operation: PageOperation, locks: boolean): boolean => {
  if (!("request" in operation)) return false;
  const { request } = operation;
  if (request.call === "mmap") return locks || (request.flags & MAP.POPULATE) !== 0;
  return request.call === "mremap" && locks;
};

const mayLock = (operation: PageOperation): boolean =>
  "request" in operation &&
  (operation.request.call.startsWith("mlock") ||
    (operation.request.call === "mmap" && (operation.request.flags & MAP.LOCKED) !== 0));

function momentsDiffer(
  model: FamilyMoment,
  kernel: FamilyMoment,
  locks: boolean,
): ReturnType<typeof sides> | undefined {
  const mine: string[] = [];
  const theirs: string[] = [];
  if (model.result !== kernel.result) {
    mine.push(`= ${model.result}`);
    theirs.push(`= ${kernel.result}`);
  }
  for (const number of new Set([...model.members.keys(), ...kernel.members.keys()])) {
    const [a, b] = [model.members.get(number), kernel.members.get(number)];
    const [left, right] = [linesOf(a, b, locks), linesOf(b, a, locks)];
    if (left.join("\n") === right.join("\n")) continue;
    mine.push(...left.filter((line) => !right.includes(line)).map((line) => `member ${number}: ${line}`));
    theirs.push(...right.filter((line) => !left.includes(line)).map((line) => `member ${number}: ${line}`));
  }
  return mine.length + theirs.length === 0 ? undefined : sides(mine, theirs);
}

function linesOf(
  account: MemberAccount | undefined,
  other: MemberAccount | undefined,
  locks: boolean,
): readonly string[] {
  if (!account) return ["no process"];
  if (!other) return accountLines(account);
  const settled = settledPeak(account, other);
  return accountLines(locks ? settledUse(settled, other) : settled);
}

const PEAK = SIZE_FIELDS.indexOf("VmHWM");
const RSS = SIZE_FIELDS.indexOf("VmRSS");

/**
 * The kernel takes the peak of resident pages from counters that lag behind by up to a batch on each of three:
 * where the two sides differ by less, the larger stands for both.
 */
const PEAK_LAG = 3 * 64 * 4;

function settledPeak(account: MemberAccount, other: MemberAccount): MemberAccount {
  const [a, b] = [account.sizes[PEAK] ?? 0, other.sizes[PEAK] ?? 0];
  if (a === b || Math.abs(a - b) > PEAK_LAG || a < (account.sizes[RSS] ?? 0)) return account;
  return { ...account, sizes: account.sizes.with(PEAK, Math.max(a, b)) };
}

const REFERENCED = SMAPS_FIELDS.indexOf("Referenced");

/**
 * A locked page leaves the LRU lists, and comes back to them, when a batch of its CPU is drained. Until then a
 * use counts otherwise than after it, which is to be seen once an exit hands the use of an entry on to the page:
 * Referenced of memory-backed files is then not compared, the larger stands for both.
 */
function settledUse(account: MemberAccount, other: MemberAccount): MemberAccount {
  const used = ({ smaps }: MappingAccount): number => smaps[REFERENCED] ?? 0;
  const mappings = account.mappings.map((mapping, i) => {
    const others = other.mappings[i];
    if (!others || !isMemoryBacked(mapping)) return mapping;
    return { ...mapping, smaps: mapping.smaps.with(REFERENCED, Math.max(used(mapping), used(others))) };
  });
  return { ...account, mappings };
}

const isMemoryBacked = ({ name }: MappingAccount): boolean =>
  name.startsWith("/memfd:") || name.startsWith("/dev/zero");
