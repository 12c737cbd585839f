import type { Pid } from "@pagetrail/core";
import type { ShownMapping, ShownTask } from "../sightings.ts";
import type { PerfMapping } from "./text/index.ts";

/** perf writes at most this many mappings of a process that it finds; the kernel allows no more by default. */
const MAX_MAPPINGS = 65_536;

interface Found {
  tgid: number;
  comm: string;
  readonly mappings: ShownMapping[];
}

/** Tasks that were there when perf began: told of once they do something. */
export class TasksBefore {
  readonly #found = new Map<number, Found>();
  /** Processes that have been told with memory of their own. */
  readonly #users = new Set<number>();

  task(tid: number, { tgid, comm }: { readonly tgid?: number; readonly comm?: string }): void {
    const found = this.#of(tid);
    if (tgid !== undefined) found.tgid = tgid;
    if (comm !== undefined) found.comm = comm;
  }

  mapping(record: PerfMapping): void {
    const { mappings } = this.#of(record.tid);
    const shown = shownMapping(record);
    if (shown && mappings.length < MAX_MAPPINGS) mappings.push(shown);
  }

  /** The task runs a program that the recording shows from its beginning, or is gone. */
  forget(tid: number): void {
    this.#found.delete(tid);
  }

  /** Whether a task that was found has memory of its own: kernel threads have none. */
  hasMemory(tid: number): boolean {
    const found = this.#found.get(tid);
    if (!found) return false;
    const { mappings } = this.#found.get(found.tgid) ?? found;
    return mappings.length > 0 || this.#users.has(found.tgid);
  }

  /** What is known of a task, its process's first one before it; nothing the second time. */
  *tell(tid: number): Generator<ShownTask | ShownMapping> {
    const found = this.#found.get(tid);
    if (!found) return;
    this.#found.delete(tid);
    if (found.mappings.length > 0) this.#users.add(tid);
    if (found.tgid !== tid) yield* this.tell(found.tgid);
    yield { kind: "task", tid, tgid: found.tgid as Pid, comm: found.comm };
    yield* found.mappings;
  }

  #of(tid: number): Found {
    let found = this.#found.get(tid);
    if (!found) {
      found = { tgid: tid, comm: "", mappings: [] };
      this.#found.set(tid, found);
    }
    return found;
  }
}

/** A mapping that no call made; undefined for the kernel's own, whose places follow from exec. */
export function shownMapping(record: PerfMapping): ShownMapping | undefined {
  const { tid, start, length, offset, perms, file, time } = record;
  const named = file.path.startsWith("/") && !file.path.startsWith("//");
  if (!named && file.path !== "//anon" && file.path !== "[heap]") return undefined;
  const shown = {
    kind: "mapping",
    tid,
    start,
    length,
    offset,
    perms,
    file: named ? file : undefined,
  } as const;
  return time === undefined ? shown : { ...shown, time };
}
