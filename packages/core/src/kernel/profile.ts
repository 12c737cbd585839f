import {
  type KernelTraits,
  LAYOUTS,
  type Layout,
  RELEASES,
  type ReleaseName,
  UNLIMITED,
} from "../arch/index.ts";
import type { Capabilities, PageModel, Rlimits, Sysctl, VdsoPages } from "../mm/index.ts";
import type { TlbModel } from "../paging/index.ts";
import type { Scheduling } from "../process/index.ts";

/**
 * The machine that a log was recorded on, as far as the model's rules depend on it. Part of every log's
 * header: the same log gives the same states anywhere.
 */
export interface Profile {
  /** Of the programs that the kernel is built for: a 64-bit kernel runs 32-bit ones too. */
  readonly layout: "x86-64" | "x86-64-5level" | "i386";
  /** The kernel release whose rules apply: the name of a set of traits. */
  readonly release: ReleaseName;
  readonly sysctl: Sysctl;
  readonly pages: PageModel;
  readonly scheduling: Scheduling;
  /** How the CPUs' TLBs are built; absent where they are not modelled. Needs CPUs, and pages that are known. */
  readonly tlb?: TlbModel | undefined;
  /**
   * As kernels before the modelled releases had it: the direct map at 0xffff880000000000, up to 4.19; on 32-bit a
   * slot of kmap_atomic for each purpose, up to 2.6.36. Absent for the present one.
   */
  readonly kernelHalf?: "classic" | undefined;
  readonly vdso: VdsoPages;
  /** What the first processes of the log start with. */
  readonly limits: Rlimits;
  readonly capabilities: Capabilities;
  /** The vsyscall page's line in maps: vsyscall=xonly, emulate or none. */
  readonly vsyscall: "xonly" | "emulate" | "none";
}

const MIB = 2 ** 20;

/** A machine of 16 GiB whose log tells nothing of accesses, as an strace does. */
export const UNKNOWN_PAGES: PageModel = {
  known: false,
  frames: 2 ** 22,
  thp: "madvise",
  faultAround: 16,
  readAhead: 32,
  fileCache: "cold",
  paging: "4-level",
};

/**
 * A machine of whose programs a recording shows every fault. More frames than any has, since nothing tells when
 * one ran out; and files are in the page cache, which a recording says nothing of.
 */
export const RECORDED_PAGES: PageModel = {
  ...UNKNOWN_PAGES,
  known: true,
  frames: 2 ** 28,
  fileCache: "warm",
};

/** A log that does not tell which task runs on which CPU, as an strace does. */
export const UNKNOWN_SCHEDULING: Scheduling = { cpus: 0, lazyTlb: "refcount" };

/** The reference machine: Linux 6.18 on x86-64 with four-level page tables, started by root. */
export const REFERENCE_PROFILE: Profile = {
  layout: "x86-64",
  release: "6.18",
  sysctl: {
    maxMapCount: 65530,
    mmapMinAddr: 4096,
    overcommitMemory: 0,
    overcommitRatio: 50,
    overcommitKbytes: 0,
    adminReserveKbytes: 8192,
    userReserveKbytes: 131072,
    legacyVaLayout: false,
    randomizeVaSpace: 2,
    totalPages: UNLIMITED,
    swapPages: 0,
    hugePages: 0,
  },
  pages: UNKNOWN_PAGES,
  scheduling: UNKNOWN_SCHEDULING,
  vdso: { vvar: 4, vvarVclock: 2, vdso: 2 },
  limits: {
    as: { soft: UNLIMITED, hard: UNLIMITED },
    data: { soft: UNLIMITED, hard: UNLIMITED },
    stack: { soft: 8 * MIB, hard: UNLIMITED },
    memlock: { soft: 8 * MIB, hard: 8 * MIB },
  },
  capabilities: { ipcLock: true, sysRawio: true, sysAdmin: true, sysResource: true },
  vsyscall: "xonly",
};

/** Pages of vvar and vdso as each release has them, as far as that depends on no configuration. */
const VDSO: Readonly<Record<ReleaseName, VdsoPages>> = {
  "5.4": { vvar: 3, vvarVclock: 0, vdso: 1 },
  "6.1": { vvar: 4, vvarVclock: 0, vdso: 2 },
  "6.18": REFERENCE_PROFILE.vdso,
};

/** The reference machine with another kernel on it. */
export const profileOf = (release: ReleaseName): Profile => ({
  ...REFERENCE_PROFILE,
  release,
  vdso: VDSO[release],
});

export const traitsOf = ({ release }: Profile): KernelTraits => RELEASES[release];

export const layoutOf = (profile: Profile): Layout => LAYOUTS[profile.layout];
