import type { KernelTraits } from "../arch/index.ts";
import type { FileId, Trace } from "../base/index.ts";
import type { Memory } from "./memory.ts";
import type { OpenFile } from "./open-file.ts";

/** Resource limits in bytes; UNLIMITED is infinity. Soft and hard. */
export type Rlimit = { readonly soft: number; readonly hard: number };

export interface Rlimits {
  readonly as: Rlimit;
  readonly data: Rlimit;
  readonly stack: Rlimit;
  readonly memlock: Rlimit;
}

export interface Capabilities {
  readonly ipcLock: boolean;
  readonly sysRawio: boolean;
  readonly sysAdmin: boolean;
  readonly sysResource: boolean;
}

/** The machine's settings that the operations read: /proc/sys/vm and sizes. */
export interface Sysctl {
  readonly maxMapCount: number;
  readonly mmapMinAddr: number;
  readonly overcommitMemory: 0 | 1 | 2;
  readonly overcommitRatio: number;
  readonly overcommitKbytes: number;
  readonly adminReserveKbytes: number;
  readonly userReserveKbytes: number;
  readonly legacyVaLayout: boolean;
  readonly randomizeVaSpace: 0 | 1 | 2;
  /** Pages of RAM and of swap; UNLIMITED when no source knew. */
  readonly totalPages: number;
  readonly swapPages: number;
  /** Free 2 MiB pages in the hugetlb pool. */
  readonly hugePages: number;
}

/** System-wide committed memory: vm_committed_as. */
export interface Commitment {
  committed: number;
}

/** Everything an operation on one address space is told about the world around it. */
export interface MmEnv {
  readonly limits: Rlimits;
  readonly capabilities: Capabilities;
  readonly personality: number;
  /** What the kernel release does otherwise than others. */
  readonly traits: KernelTraits;
  readonly sysctl: Sysctl;
  readonly commitment: Commitment;
  /** Frames, page cache and swap; absent where the log does not tell of all accesses. */
  readonly memory?: Memory | undefined;
  /** Who asks for the way that the operation takes. */
  readonly trace?: Trace | undefined;
  file(id: FileId): OpenFile;
  /** Makes the kernel's own file behind shared anonymous memory and the like. */
  makeFile(file: Omit<OpenFile, "id">): OpenFile;
  /** `count` more VMAs map the file, or fewer. */
  fileMapped(id: FileId, count: number): void;
  /** A name for a new anon_vma. */
  nextAnonVma(): number;
}
