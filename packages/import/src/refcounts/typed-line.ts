import type { CaptureEvent, CountSample, TaskSample } from "./capture.ts";
import { NULL } from "./capture.ts";

const HEAD = /^(\d+) (\d+) (switch|newtask|exec|exit|free|wakenew|exit_mmap) (.*)$/;
const TASK = /^(\d+)\/(\d+):(.*?)\{([A-Z]*)\} mm=(\w+):(-?\d+):(-?\d+) am=(\w+):(-?\d+):(-?\d+)(.*)$/;

interface Read {
  readonly task: TaskSample;
  readonly counts: readonly CountSample[];
  readonly rest: string;
}

/**
 * Reads a line of a capture from typed tracepoints: `TIME CPU EVENT PID/TGID:COMM{FLAGS} mm=PTR:USERS:COUNT
 * am=PTR:USERS:COUNT …`. Undefined for a line that is none.
 */
export function readTypedLine(line: number, text: string): CaptureEvent | undefined {
  const head = HEAD.exec(text);
  if (!head) return undefined;
  const [, time = "", cpu = "", kind, body = ""] = head;
  const first = readTask(body);
  if (!first) return undefined;
  const common = { line, time: BigInt(time), cpu: Number(cpu), counts: first.counts };
  const { task, rest } = first;
  switch (kind) {
    case "switch":
    case "newtask":
      return readPair(common, kind, first);
    case "exit_mmap": {
      const torn = /: mm=(\w+):/.exec(rest)?.[1];
      return torn === undefined ? undefined : { ...common, kind, task, torn };
    }
    case "exec": {
      const old = /old_pid=(\d+)/.exec(rest)?.[1];
      return { ...common, kind, task, ...(old === undefined ? {} : { oldPid: Number(old) }) };
    }
    case "exit":
    case "free":
    case "wakenew":
      return { ...common, kind, task };
    default:
      return undefined;
  }
}

function readPair(
  common: Pick<CaptureEvent, "line" | "time" | "cpu" | "counts">,
  kind: "switch" | "newtask",
  { task, rest }: Read,
): CaptureEvent | undefined {
  const middle = /^ (?:state=(\S+)|flags=(0x[0-9a-f]+)) -> (.*)$/.exec(rest);
  const second = middle?.[3] === undefined ? undefined : readTask(middle[3]);
  if (!middle || !second) return undefined;
  const both = { ...common, counts: [...common.counts, ...second.counts] };
  if (kind === "newtask")
    return { ...both, kind, parent: task, child: second.task, flags: Number(middle[2] ?? 0) };
  return { ...both, kind, prev: task, next: second.task, state: letterOf(middle[1] ?? "") };
}

/** `R+` is a preempted task; X, Z and whatever follows a bar come with exits and wake-ups on the way. */
function letterOf(state: string): string {
  const letter = state[0] ?? "R";
  return letter === "Z" ? "X" : letter;
}

function readTask(text: string): Read | undefined {
  const found = TASK.exec(text);
  if (!found) return undefined;
  const [
    ,
    pid,
    tgid,
    comm = "",
    flags = "",
    mm = NULL,
    mmUsers,
    mmCount,
    am = NULL,
    users,
    count,
    rest = "",
  ] = found;
  const counts: CountSample[] = [];
  if (am !== NULL) counts.push({ mm: am, users: Number(users), count: Number(count) });
  if (mm !== NULL && mm !== am) counts.push({ mm, users: Number(mmUsers), count: Number(mmCount) });
  const kernel = flags.includes("K");
  return {
    task: { pid: Number(pid), tgid: Number(tgid), comm, kernel, mm, activeMm: am },
    counts,
    rest,
  };
}
