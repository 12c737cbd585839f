import type { Pid, Refusal, Result } from "../base/index.ts";
import {
  bringCpuOnline,
  contextSwitch,
  createKthread,
  finishTaskSwitch,
  hold,
  idlePid,
  kthreadPark,
  kthreadStop,
  kthreadUnpark,
  kthreadUnuseMm,
  kthreadUseMm,
  migrate,
  oomKill,
  oomReap,
  pidOf,
  release,
  takeCpuOffline,
  wakeUp,
} from "../process/index.ts";
import type { Outcome, Scheduled } from "./request.ts";
import type { Transaction } from "./transaction.ts";

const refused = ({ errno, why }: Refusal): Outcome => ({ errno, why });
const answer = (result: Result<unknown>): Outcome => (result.ok ? { ret: 0 } : refused(result.error));

/** Requests about CPUs, kernel threads and references. `tid` is 0 for an idle task and for nobody. */
export function executeScheduled(tx: Transaction, tid: Pid, r: Scheduled): Outcome {
  switch (r.call) {
    case "switch":
      return turn(tx, tid, r);
    case "finish_task_switch":
      if (!tx.peekCpu(r.cpu)) return { errno: "ENODEV", why: `no CPU ${r.cpu}` };
      finishTaskSwitch(tx, r.cpu);
      return { ret: 0 };
    case "wake":
      return answer(wakeUp(tx, r.target));
    case "migrate":
      return answer(migrate(tx, r.target, r.cpu));
    case "cpu_online":
      return answer(bringCpuOnline(tx, r.cpu));
    case "cpu_offline":
      return answer(takeCpuOffline(tx, r.cpu));
    case "kthread": {
      const { limits, capabilities } = tx.profile;
      const made = createKthread(tx, r.child, r.comm, { limits, capabilities });
      return made.ok ? { ret: made.value } : refused(made.error);
    }
    case "kthread_stop":
      return answer(kthreadStop(tx, r.target));
    case "kthread_park":
      return answer(kthreadPark(tx, r.target));
    case "kthread_unpark":
      return answer(kthreadUnpark(tx, r.target));
    case "oom_kill":
      return answer(oomKill(tx, r.target));
    case "oom_reap":
      return answer(oomReap(tx, r.target));
    case "use_mm":
    case "unuse_mm": {
      const caller = tx.peekTask(tid);
      if (!caller) return { errno: "ESRCH", why: `no task ${tid}` };
      return answer(r.call === "use_mm" ? kthreadUseMm(tx, caller, r.target) : kthreadUnuseMm(tx, caller));
    }
    case "hold":
      return answer(hold(tx, r.target, r.counter, r.holder));
    case "release":
      return answer(release(tx, r.holder));
  }
}

function turn(tx: Transaction, tid: Pid, r: Scheduled & { readonly call: "switch" }): Outcome {
  const current = tx.peekCpu(r.cpu)?.current;
  if (current !== undefined && pidOf({ pid: current }) !== tid)
    return { errno: "EINVAL", why: `CPU ${r.cpu} runs task ${pidOf({ pid: current })}, not ${tid}` };
  const next = r.next === 0 ? idlePid(r.cpu) : (r.next as Pid);
  return answer(contextSwitch(tx, r.cpu, next, r.state, r.unfinished !== 1));
}
