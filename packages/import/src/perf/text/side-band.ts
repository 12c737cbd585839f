import type { PerfMoment, PerfRecord, PerfTask } from "./record.ts";

const MAPPING =
  /^ (-?\d+)\/(-?\d+): \[(0x[0-9a-f]+|0)\((0x[0-9a-f]+|0)\) @ (0x[0-9a-f]+|0)(?: ([0-9a-f]+:[0-9a-f]+) (\d+) \d+| <[0-9a-f]*>)?\]: (\S+) (.*)$/;
const COMM = /^( exec)?: (.*):(-?\d+)\/(-?\d+)$/s;
const TASKS = /^\((-?\d+):(-?\d+)\):\((-?\d+):(-?\d+)\)/;
/** User memory ends here, with four-level page tables. */
const USER_END = 2 ** 47;

/**
 * Reads what stands behind PERF_RECORD_ and a name.
 *
 * @param name such as MMAP2
 * @param text behind the name, up to the end of the line
 * @returns undefined when a record that should be understood makes no sense
 */
export function readSideBand(moment: PerfMoment, name: string, text: string): PerfRecord | undefined {
  switch (name) {
    case "MMAP":
    case "MMAP2":
      return readMapping(moment, name, text);
    case "COMM":
      return readComm(moment, text);
    case "FORK":
    case "EXIT":
      return readTasks(moment, name, text);
    case "LOST":
    case "LOST_SAMPLES": {
      const count = /lost (\d+)/.exec(text)?.[1] ?? /(\d+)/.exec(text)?.[1];
      return { kind: "lost", line: moment.line, count: Number(count ?? 1) };
    }
    default:
      return { kind: "other", line: moment.line, name: `PERF_RECORD_${name}` };
  }
}

function readMapping(moment: PerfMoment, name: string, text: string): PerfRecord | undefined {
  const [whole, pid, tid, start, length, offset, device, inode, perms = "", path = ""] =
    MAPPING.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const from = Number(start);
  const bytes = Number(length);
  // The kernel's own text has no process.
  if (Number(pid) < 0 || from + bytes > USER_END)
    return { kind: "other", line: moment.line, name: `PERF_RECORD_${name} of the kernel` };
  const known = device !== undefined && device !== "00:00";
  return {
    ...moment,
    kind: "mapping",
    pid: Number(pid),
    tid: Number(tid),
    start: from,
    length: bytes,
    offset: Number(offset),
    // PERF_RECORD_MMAP says no more than x or r.
    perms: perms.length === 4 ? perms : perms === "x" ? "r-xp" : "rw-p",
    file: { path, ...(known ? { device, inode: Number(inode) } : {}) },
  };
}

function readComm(moment: PerfMoment, text: string): PerfRecord | undefined {
  const [whole, exec, name = "", pid, tid] = COMM.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const process = Number(pid);
  return { ...moment, kind: "comm", name, process, tid: Number(tid), exec: exec !== undefined };
}

function readTasks(moment: PerfMoment, name: "FORK" | "EXIT", text: string): PerfRecord | undefined {
  const [whole, pid, tid, parentPid, parentTid] = TASKS.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const task: PerfTask = { pid: Number(pid), tid: Number(tid) };
  if (name === "EXIT") return { ...moment, kind: "exit", task };
  return { ...moment, kind: "fork", child: task, parent: { pid: Number(parentPid), tid: Number(parentTid) } };
}
