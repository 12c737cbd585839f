import {
  PAGE_SIZE,
  type Profile,
  profileOf,
  RELEASES,
  type ReleaseName,
  type Rlimits,
  type TlbModel,
  UNLIMITED,
} from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { needNumber } from "./value.ts";

/** What the `machine` lines of a scenario say. Sizes are bytes. */
export interface Machine {
  release: ReleaseName;
  layout: Profile["layout"];
  /** Page tables of a 32-bit kernel; others have those of their layout. */
  paging32: "2-level" | "pae";
  ram: number;
  swap: number;
  thp: Profile["pages"]["thp"];
  overcommit: 0 | 1 | 2;
  overcommitRatio: number;
  maxMapCount: number;
  hugePages: number;
  limits: Rlimits;
  user: "root" | "nobody";
  pages: boolean;
  /** 0 where the scenario does not tell what runs where. */
  cpus: number;
  lazyTlb: Profile["scheduling"]["lazyTlb"];
  tlb: TlbModel | undefined;
}

const MIB = 2 ** 20;

/** What boot keeps for itself: the model's machine has that much less to give. */
const KERNEL_BYTES = 4 * MIB;
const LEAST_RAM = 20 * MIB;
const MOST_RAM = 2 ** 42;
const MOST_CPUS = 8192;

/** The machine of a scenario that says nothing of it. */
export function newMachine(): Machine {
  const { sysctl, limits } = profileOf("6.18");
  return {
    release: "6.18",
    layout: "x86-64",
    paging32: "pae",
    ram: 1024 * MIB,
    swap: 0,
    thp: "madvise",
    overcommit: 0,
    overcommitRatio: sysctl.overcommitRatio,
    maxMapCount: sysctl.maxMapCount,
    hugePages: 0,
    limits,
    user: "root",
    pages: true,
    cpus: 0,
    lazyTlb: "refcount",
    tlb: undefined,
  };
}

const SETTINGS: Readonly<Record<string, (cursor: Cursor, machine: Machine) => void>> = {
  ram: (cursor, machine) => {
    const { column } = cursor;
    const ram = needNumber(cursor, "a size such as 64M");
    if (ram < LEAST_RAM || ram > MOST_RAM || ram % (4 * MIB) !== 0)
      throw cursor.problem("a machine has 20M to 4T of memory, in steps of 4M", column);
    machine.ram = ram;
  },
  swap: (cursor, machine) => {
    machine.swap = needNumber(cursor, "a size such as 1M");
  },
  release: (cursor, machine) => {
    machine.release = cursor.oneOf(...(Object.keys(RELEASES) as ReleaseName[]));
  },
  layout: (cursor, machine) => {
    machine.layout = cursor.oneOf("x86-64", "x86-64-5level", "i386");
  },
  paging: (cursor, machine) => {
    const { column } = cursor;
    machine.paging32 = cursor.oneOf("2-level", "pae");
    if (machine.layout !== "i386")
      throw cursor.problem("only 'layout i386' has a choice of page tables", column);
  },
  thp: (cursor, machine) => {
    machine.thp = cursor.oneOf("always", "madvise", "never");
  },
  overcommit: (cursor, machine) => {
    machine.overcommit = Number(cursor.oneOf("0", "1", "2")) as 0 | 1 | 2;
  },
  overcommit_ratio: (cursor, machine) => {
    machine.overcommitRatio = needNumber(cursor, "a percentage");
  },
  max_map_count: (cursor, machine) => {
    machine.maxMapCount = needNumber(cursor, "a number of mappings");
  },
  hugepages: (cursor, machine) => {
    machine.hugePages = needNumber(cursor, "a number of pages of 2M");
  },
  limit: (cursor, machine) => {
    const resource = cursor.oneOf(...RESOURCES);
    machine.limits = { ...machine.limits, [resource]: readLimit(cursor) };
  },
  user: (cursor, machine) => {
    machine.user = cursor.oneOf("root", "nobody");
  },
  pages: (cursor, machine) => {
    const { column } = cursor;
    machine.pages = cursor.oneOf("on", "off") === "on";
    if (!machine.pages && machine.tlb) throw cursor.problem("TLBs need pages", column);
  },
  cpus: (cursor, machine) => {
    const { column } = cursor;
    machine.cpus = needNumber(cursor, "a number of processors");
    if (machine.cpus > MOST_CPUS) throw cursor.problem(`a machine has at most ${MOST_CPUS} CPUs`, column);
  },
  tlb: (cursor, machine) => {
    const { column } = cursor;
    if (machine.cpus === 0) throw cursor.problem("TLBs need CPUs: 'cpus 2' comes first", column);
    if (!machine.pages) throw cursor.problem("TLBs need pages", column);
    machine.tlb = readTlb(cursor, column);
  },
  lazy_tlb: (cursor, machine) => {
    machine.lazyTlb = cursor.oneOf("refcount", "shootdown");
  },
};

const WAYS = 4;

/** `tlb 64 ways 4 fifo nopcid`: entries, then in any order what is not as usual. */
function readTlb(cursor: Cursor, column: number): TlbModel {
  const entries = needNumber(cursor, "a number of entries");
  let ways = entries % WAYS === 0 ? WAYS : entries;
  let replacement: TlbModel["replacement"] = "lru";
  let pcid = true;
  for (;;) {
    const word = cursor.word("ways", "lru", "fifo", "random", "nopcid");
    if (word === undefined) break;
    if (word === "ways") ways = needNumber(cursor, "a number of places");
    else if (word === "nopcid") pcid = false;
    else replacement = word;
  }
  if (entries < 1 || ways < 1 || entries % ways !== 0)
    throw cursor.problem(`${entries} entries make no sets of ${ways}`, column);
  return { entries, ways, replacement, seed: 1, pcid };
}

export const RESOURCES = ["as", "data", "stack", "memlock"] as const;

function readLimit(cursor: Cursor): { readonly soft: number; readonly hard: number } {
  const { column } = cursor;
  const soft = readBytes(cursor);
  const hard = cursor.word("hard") === undefined ? UNLIMITED : readBytes(cursor);
  if (soft > hard) throw cursor.problem("a soft limit is not above the hard one", column);
  return { soft, hard };
}

/** Bytes, or no limit. */
export const readBytes = (cursor: Cursor): number =>
  cursor.word("unlimited") === undefined ? needNumber(cursor, "a size") : UNLIMITED;

/** `machine ram 64M swap 1M`: one or more settings. */
export function readMachine(cursor: Cursor, machine: Machine): void {
  do {
    const name = cursor.oneOf(...Object.keys(SETTINGS));
    SETTINGS[name]?.(cursor, machine);
  } while (!cursor.isAtEnd);
}

const PAGING = { "x86-64": "4-level", "x86-64-5level": "5-level" } as const;

/** The profile of the log that a scenario on this machine makes. */
export function profileOfMachine(machine: Machine): Profile {
  const base = profileOf(machine.release);
  const isRoot = machine.user === "root";
  return {
    ...base,
    layout: machine.layout,
    sysctl: {
      ...base.sysctl,
      maxMapCount: machine.maxMapCount,
      overcommitMemory: machine.overcommit,
      overcommitRatio: machine.overcommitRatio,
      totalPages: (machine.ram - KERNEL_BYTES) / PAGE_SIZE,
      swapPages: Math.floor(machine.swap / PAGE_SIZE),
      hugePages: machine.hugePages,
    },
    pages: {
      ...base.pages,
      known: machine.pages,
      frames: machine.ram / PAGE_SIZE,
      thp: machine.thp,
      paging: machine.layout === "i386" ? machine.paging32 : PAGING[machine.layout],
    },
    limits: machine.limits,
    scheduling: { cpus: machine.cpus, lazyTlb: machine.lazyTlb },
    ...(machine.tlb && { tlb: machine.tlb }),
    capabilities: { ipcLock: isRoot, sysRawio: isRoot, sysAdmin: isRoot, sysResource: isRoot },
  };
}
