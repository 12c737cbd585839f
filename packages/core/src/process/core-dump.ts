import { done, type Result, refuse } from "../base/index.ts";
import { advance, isLive, type Task } from "./task.ts";
import type { World } from "./world.ts";

/**
 * A signal that kills leaves a core dump: while the task writes it, every other thread of its process waits on its
 * way out, with its address space still in hand. The process ends as a whole when the dump is written.
 *
 * @refuses EINVAL for a kernel thread, EBUSY while another thread of the process dumps
 * @kernel coredump_wait, zap_threads, fs/coredump.c; coredump_task_exit, kernel/exit.c (6.18)
 */
export function beginCoreDump(world: World, dumper: Task): Result<void> {
  if (dumper.kind !== undefined) return refuse("EINVAL", "a kernel thread leaves no core dump");
  const group = world.group(dumper.tgid);
  if (group.dumper !== undefined) return refuse("EBUSY", `task ${group.dumper} writes a core dump already`);
  group.dumper = dumper.pid;
  for (const thread of world.threads(dumper.tgid))
    if (thread.pid !== dumper.pid && isLive(thread)) advance(world.task(thread.pid), "awaitDump");
  return done;
}
