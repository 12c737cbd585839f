import type { MmId, Violation } from "../base/index.ts";
import type { MmStruct } from "../mm/index.ts";
import { isLive, NO_MM, type Task, type ThreadGroup } from "./task.ts";

/**
 * mm_users equals the tasks that share the mm, mm_count the users' one reference; no task holds an
 * address space that is gone, and none that has exited holds any.
 */
export function* ownershipLaw(
  tasks: Iterable<Task>,
  mms: Iterable<MmStruct>,
  groups: Iterable<ThreadGroup>,
): Iterable<Violation> {
  const law = "ownership";
  const users = new Map<MmId, number>();
  const live = new Map<number, number>();
  for (const t of tasks) {
    if (!isLive(t) && t.mm !== NO_MM) yield { law, where: `task ${t.pid}`, what: `${t.state} with an mm` };
    if (t.mm !== NO_MM) users.set(t.mm, (users.get(t.mm) ?? 0) + 1);
    if (isLive(t)) live.set(t.tgid, (live.get(t.tgid) ?? 0) + 1);
  }
  for (const mm of mms) {
    const n = users.get(mm.id) ?? 0;
    users.delete(mm.id);
    if (mm.mmUsers !== n)
      yield { law, where: `mm ${mm.id}`, what: `mm_users is ${mm.mmUsers}, ${n} tasks share it` };
    if (mm.mmCount !== 1) yield { law, where: `mm ${mm.id}`, what: `mm_count is ${mm.mmCount}` };
  }
  for (const id of users.keys()) yield { law, where: `mm ${id}`, what: "freed, but a task still uses it" };
  for (const g of groups) {
    const n = live.get(g.tgid) ?? 0;
    if (g.live !== n) yield { law, where: `process ${g.tgid}`, what: `counts ${g.live} threads, has ${n}` };
  }
}
