import {
  ENTRY_WORDS,
  type EntryWord,
  type MmStruct,
  PAGE_SIZE,
  type Pid,
  pageEntry,
  pageOf,
  readBytes,
  type Task,
} from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { knownName, type Name } from "./names.ts";
import { knownPath, takeBytes } from "./operands.ts";
import { type Scene, sizeText } from "./scene.ts";
import { readCpuFact, readRefs } from "./sched-facts.ts";
import { type Scope, wholeWord } from "./scope.ts";
import { bytesOf, needNumber, readRange, readValue } from "./value.ts";

/** Looks whether something is so, and says what is otherwise; undefined when nothing is. */
export type Fact = (scene: Scene) => string | undefined;

/** A fact about the process that the line names first. */
type ProcessFact = (scene: Scene, pid: Pid, name: string) => string | undefined;

type FactReader = (cursor: Cursor, scope: Scope) => ProcessFact;

/** A fact that is not so, with what is. */
export const otherwise = (wanted: string, found: string): string => `expected ${wanted}, found ${found}`;

const sameNumber = (
  what: string,
  wanted: number,
  found: number,
  text: (n: number) => string = String,
): string | undefined => (found === wanted ? undefined : otherwise(`${what} ${text(wanted)}`, text(found)));

/** A number that an address space has. */
const numberOf =
  (what: string, of: (mm: MmStruct, scene: Scene) => number): FactReader =>
  (cursor) => {
    const wanted = needNumber(cursor, "a number");
    return (scene, pid) => sameNumber(what, wanted, of(scene.mm(pid), scene));
  };

/** A number of pages that an address space has, given in bytes. */
const sizeOf =
  (what: string, of: (mm: MmStruct) => number): FactReader =>
  (cursor) => {
    const wanted = needNumber(cursor, "a size");
    return (scene, pid) => sameNumber(what, wanted, of(scene.mm(pid)) * PAGE_SIZE, sizeText);
  };

const pagesOf = (scene: Scene, pid: Pid) => {
  const { pages } = scene.mm(pid);
  if (!pages) throw scene.impasse("this machine has 'pages off': nothing is known of them");
  return pages;
};

const RSS = {
  anon: "rssAnon",
  file: "rssFile",
  shmem: "rssShmem",
  swap: "swapEnts",
  hugetlb: "hugetlb",
} as const;
const RSS_WORDS = Object.keys(RSS) as (keyof typeof RSS)[];

const readRss: FactReader = (cursor) => {
  const wanted = new Map<keyof typeof RSS, number>();
  do wanted.set(cursor.oneOf(...RSS_WORDS), needNumber(cursor, "a number of pages"));
  while (!cursor.isAtEnd);
  return (scene, pid) => {
    const pages = pagesOf(scene, pid);
    const text = (of: (word: keyof typeof RSS) => number): string =>
      [...wanted.keys()].map((word) => `${word} ${of(word)}`).join(" ");
    const [asked, found] = [text((word) => wanted.get(word) ?? 0), text((word) => pages[RSS[word]])];
    return asked === found ? undefined : otherwise(`rss ${asked}`, found);
  };
};

const faultsOf = (task: Task | undefined): number => (task === undefined ? 0 : task.minFlt + task.majFlt);

const readFaults: FactReader = (cursor) => {
  const wanted = needNumber(cursor, "a number of faults");
  return (scene, pid) => sameNumber("faults", wanted, faultsOf(scene.task(pid)));
};

/** States of a task's life as its chart has them, and that of one that is no more. */
const STATES = [
  "running",
  "runnable",
  "interruptible",
  "uninterruptible",
  "idling",
  "stopped",
  "traced",
  "parked",
  "vforked",
  "dumping",
  "zombie",
  "dead",
  "gone",
] as const;

const readState: FactReader = (cursor) => {
  const wanted = cursor.oneOf(...STATES);
  return (scene, pid) => {
    const found = scene.task(pid)?.state ?? "gone";
    return found === wanted ? undefined : otherwise(wanted, found);
  };
};

const readContent: FactReader = (cursor, scope) => {
  const address = readValue(cursor, scope, "an address");
  const wanted = takeBytes(cursor) ?? cursor.stop();
  return (scene, pid) => {
    const { memory } = scene.state;
    const pages = pagesOf(scene, pid);
    const found = memory ? readBytes(memory.phys, pages, Number(address(scene)), wanted.length / 2) : "";
    return found === wanted ? undefined : otherwise(bytesText(wanted), bytesText(found));
  };
};

/** Bytes as text where all of them can be printed, else as hex digits. */
function bytesText(digits: string): string {
  const codes = (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  const printable = codes.every((code) => code >= 0x20 && code < 0x7f);
  return printable ? JSON.stringify(String.fromCharCode(...codes)) : `0x${digits}`;
}

const readEntry: FactReader = (cursor, scope) => {
  const range = readRange(cursor, scope);
  const wanted: EntryWord[] = [];
  do wanted.push(cursor.oneOf(...ENTRY_WORDS));
  while (!cursor.isAtEnd);
  return (scene, pid) => {
    for (const page of pagesIn(scene, bytesOf(range, scene))) {
      const found = entryOf(scene, pid, page);
      if (!wanted.every((word) => found.words.includes(word)))
        return otherwise(wanted.join(" "), `${found.words.join(" ")} at ${scene.describe(page * PAGE_SIZE)}`);
    }
    return undefined;
  };
};

/** What one expectation looks at, at most. */
const MOST_BYTES = 2 ** 36;

function* pagesIn(scene: Scene, { start, length }: { start: bigint; length: number }): Iterable<number> {
  if (start < 0n || start > BigInt(Number.MAX_SAFE_INTEGER))
    throw scene.impasse("that is no address of user space");
  if (length > MOST_BYTES) throw scene.impasse("that is more than can be looked at");
  const end = Math.ceil((Number(start) + length) / PAGE_SIZE);
  for (let page: number = pageOf(Number(start)); page < end; page++) yield page;
}

function entryOf(scene: Scene, pid: Pid, page: number) {
  pagesOf(scene, pid);
  return pageEntry(scene.state, scene.mm(pid), page) ?? { words: [] };
}

/** `A B share p`: both have the same frame there; `differ`: each has one of its own. */
function readPair(cursor: Cursor, scope: Scope, other: Name): ProcessFact {
  const wanted = cursor.oneOf("share", "differ");
  const range = readRange(cursor, scope);
  return (scene, pid, name) => {
    const [second, secondName] = [scene.pid(other.of(scene)), other.of(scene)];
    for (const page of pagesIn(scene, bytesOf(range, scene))) {
      const frames = [entryOf(scene, pid, page).pfn, entryOf(scene, second, page).pfn];
      const where = scene.describe(page * PAGE_SIZE);
      const without = [name, secondName].filter((_, i) => frames[i] === undefined);
      if (without.length > 0)
        return `expected a page there, found none of ${without.join(" and ")} at ${where}`;
      const shared = frames[0] === frames[1];
      if (shared !== (wanted === "share"))
        return shared
          ? `expected two frames, found one at ${where}`
          : `expected one frame, found two at ${where}`;
    }
    return undefined;
  };
}

const FACTS: Readonly<Record<string, FactReader>> = {
  rss: readRss,
  faults: readFaults,
  content: readContent,
  vmas: numberOf("vmas", (mm) => mm.vmas.size),
  users: numberOf("users", (mm) => mm.mmUsers),
  size: sizeOf("size", (mm) => mm.totalVm),
  locked: sizeOf("locked", (mm) => mm.lockedVm),
  tables: (cursor) => {
    const wanted = needNumber(cursor, "a number of page tables");
    return (scene, pid) => sameNumber("tables", wanted, pagesOf(scene, pid).table.counted);
  },
  tlb_gen: numberOf("tlb_gen", (mm, scene) => scene.context(mm.id).tlbGen),
  state: readState,
  refs: (cursor) => {
    const fact = readRefs(cursor);
    return (scene, _, name) => fact(scene, name);
  },
  pte: readEntry,
};

/** `committed 64K`, `cached /data/x 16`, `swap 2`: facts about the machine. */
const MACHINE_FACTS: Readonly<Record<string, (cursor: Cursor, scope: Scope) => Fact>> = {
  committed: (cursor) => {
    const wanted = needNumber(cursor, "a size");
    return ({ state }) => sameNumber("committed", wanted, state.committed * PAGE_SIZE, sizeText);
  },
  cached: (cursor, scope) => {
    const path = knownPath(cursor, scope);
    const wanted = needNumber(cursor, "a number of pages");
    return (scene) => {
      const { id } = scene.file(path);
      return sameNumber("cached pages", wanted, scene.state.memory?.caches.get(id)?.count ?? 0);
    };
  },
  swap: (cursor) => {
    const wanted = needNumber(cursor, "a number of pages");
    return ({ state }) => sameNumber("pages in swap", wanted, state.memory?.swap.used ?? 0);
  },
};

/** What a line may expect, when it is no list of mappings. */
export const FACT_WORDS: readonly string[] = Object.keys(FACTS);

/** A fact about the machine, where the line begins with the word for one. */
export function readMachineFact(cursor: Cursor, scope: Scope): Fact | undefined {
  if (cursor.sees(/cpu\d+(?!\w)/)) return readCpuFact(cursor, scope);
  const word = cursor.word(...Object.keys(MACHINE_FACTS));
  return word === undefined ? undefined : MACHINE_FACTS[word]?.(cursor, scope);
}

/** What stands behind the process that a line names: a fact about it, or about it and another one. */
export function readProcessFact(cursor: Cursor, scope: Scope, subject: Name): Fact {
  const word = cursor.word(...FACT_WORDS);
  const reader = word === undefined ? undefined : FACTS[word];
  const fact = reader?.(cursor, scope) ?? readPair(cursor, scope, otherProcess(cursor, scope));
  return (scene) => {
    const name = subject.of(scene);
    scene.subject = scene.pid(name);
    return fact(scene, scene.subject, name);
  };
}

/** A word that is neither a fact nor a process most probably was meant to be a fact. */
function otherProcess(cursor: Cursor, scope: Scope): Name {
  const known = [...scope.all("process")].some((name) => cursor.sees(wholeWord(name)));
  return known ? knownName(cursor, scope, "process", "another process") : cursor.stop("another process");
}
