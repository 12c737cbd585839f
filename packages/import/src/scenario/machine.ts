import {
  PAGE_SIZE,
  type Profile,
  profileOf,
  RELEASES,
  type ReleaseName,
  type Rlimits,
  UNLIMITED,
} from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { needNumber } from "./value.ts";

/** What the `machine` lines of a scenario say. Sizes are bytes. */
export interface Machine {
  release: ReleaseName;
  layout: Profile["layout"];
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
    machine.pages = cursor.oneOf("on", "off") === "on";
  },
  cpus: (cursor, machine) => {
    const { column } = cursor;
    machine.cpus = needNumber(cursor, "a number of processors");
    if (machine.cpus > MOST_CPUS) throw cursor.problem(`a machine has at most ${MOST_CPUS} CPUs`, column);
  },
  lazy_tlb: (cursor, machine) => {
    machine.lazyTlb = cursor.oneOf("refcount", "shootdown");
  },
};

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

const PAGING = { "x86-64": "4-level", "x86-64-5level": "5-level", i386: "pae" } as const;

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
      paging: PAGING[machine.layout],
    },
    limits: machine.limits,
    scheduling: { cpus: machine.cpus, lazyTlb: machine.lazyTlb },
    capabilities: { ipcLock: isRoot, sysRawio: isRoot, sysAdmin: isRoot, sysResource: isRoot },
  };
}
