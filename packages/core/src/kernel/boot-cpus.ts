import { INIT_MM, type MmId, type Pid } from "../base/index.ts";
import { emptyMm, type MmStruct } from "../mm/index.ts";
import {
  type Counter,
  type Cpu,
  type Holder,
  idlePid,
  NO_MM,
  type Ref,
  refKey,
  type Task,
} from "../process/index.ts";
import { Table } from "../struct/index.ts";
import { layoutOf, type Profile } from "./profile.ts";

/** What CPUs there are at boot, and what they run: idle tasks, which borrow init_mm. */
export interface Booted {
  readonly tasks: Table<Pid, Task>;
  readonly mms: Table<MmId, MmStruct>;
  readonly cpus: Table<number, Cpu>;
  readonly refs: Table<number, Ref>;
  readonly nextMm: number;
}

/** init_mm has two users from its static initializer on: nobody ever puts them. */
const STATIC_USERS = ["the kernel", "the kernel's first task"];

/** The machine's CPUs after boot; none in a log that does not tell of scheduling. */
export function bootCpus(profile: Profile): Booted {
  const tasks = Table.empty<Pid, Task>();
  const mms = Table.empty<MmId, MmStruct>();
  const cpus = Table.empty<number, Cpu>();
  const refs = Table.empty<number, Ref>();
  const { cpus: count, lazyTlb } = profile.scheduling;
  if (count === 0) return { tasks, mms, cpus, refs, nextMm: 1 };
  const hold = (counter: Counter, holder: Holder): void =>
    refs.set(refKey(holder), Object.freeze({ mm: INIT_MM, counter, holder, since: 0 }));
  STATIC_USERS.forEach((name, number) => {
    hold("users", { kind: "named", name, number });
  });
  hold("count", { kind: "mm users", mm: INIT_MM });
  for (let id = 0; id < count; id++) {
    tasks.set(idlePid(id), Object.freeze(idleTask(id)));
    cpus.set(id, Object.freeze(idleCpu(id)));
    if (lazyTlb === "refcount") hold("count", { kind: "cpu", cpu: id });
  }
  const mm: MmStruct = {
    ...emptyMm(INIT_MM, layoutOf(profile)),
    kernel: true,
    life: "in use",
    mmUsers: STATIC_USERS.length,
    mmCount: lazyTlb === "refcount" ? 1 + count : 1,
  };
  mms.set(INIT_MM, Object.freeze(mm));
  return { tasks, mms, cpus, refs, nextMm: INIT_MM + 1 };
}

const idleCpu = (id: number): Cpu => ({
  id,
  online: true,
  current: idlePid(id),
  loadedMm: INIT_MM,
  lazy: false,
  prevMm: NO_MM,
  prev: 0 as Pid,
});

const idleTask = (cpu: number): Task => ({
  pid: idlePid(cpu),
  kind: "idle",
  tgid: idlePid(cpu),
  parent: 0 as Pid,
  state: "running",
  mm: NO_MM,
  activeMm: INIT_MM,
  onCpu: cpu,
  cpu,
  comm: `swapper/${cpu}`,
  personality: 0,
  minFlt: 0,
  majFlt: 0,
  vforkParent: 0 as Pid,
});
