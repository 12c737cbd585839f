import type { KernelTraits } from "../arch/index.ts";
import type { FileId, Trace } from "../base/index.ts";
import type { Capabilities, Commitment, Memory, MmEnv, OpenFile, Rlimits, Sysctl } from "../mm/index.ts";
import type { Task, ThreadGroup } from "../process/index.ts";

/** What operations on an address space ask of the transaction that they are part of. */
export interface EnvWorld {
  readonly traits: KernelTraits;
  readonly sysctl: Sysctl;
  readonly commitment: Commitment;
  readonly trace?: Trace | undefined;
  fileOf(id: FileId): OpenFile;
  makeFile(file: Omit<OpenFile, "id">): OpenFile;
  fileMapped(id: FileId, count: number): void;
  nextAnonVma(): number;
}

/**
 * The world around an operation on behalf of a task. A class, because one is made for nearly every task that
 * a transaction meets.
 */
export class TaskEnv implements MmEnv {
  readonly limits: Rlimits;
  readonly capabilities: Capabilities;
  readonly personality: number;
  readonly traits: KernelTraits;
  readonly sysctl: Sysctl;
  readonly commitment: Commitment;
  readonly trace: Trace | undefined;

  constructor(
    private readonly world: EnvWorld,
    { personality }: Task,
    { limits, capabilities }: ThreadGroup,
    readonly memory: Memory | undefined,
  ) {
    this.limits = limits;
    this.capabilities = capabilities;
    this.personality = personality;
    this.traits = world.traits;
    this.sysctl = world.sysctl;
    this.commitment = world.commitment;
    this.trace = world.trace;
  }

  file(id: FileId): OpenFile {
    return this.world.fileOf(id);
  }

  makeFile(file: Omit<OpenFile, "id">): OpenFile {
    return this.world.makeFile(file);
  }

  fileMapped(id: FileId, count: number): void {
    this.world.fileMapped(id, count);
  }

  nextAnonVma(): number {
    return this.world.nextAnonVma();
  }
}
