import type { Event, FileId, OpenFile, Pid, Request } from "@pagetrail/core";

/** By how much the names of one copy of a recording differ from its own: pids, files and segments, lines, seconds. */
export interface Shift {
  readonly pid: (pid: number) => Pid;
  readonly file: number;
  readonly shm: number;
  readonly line: number;
  readonly time: number;
}

/** An event of a copy of a recording, as if it had happened to other processes. */
export function shifted(event: Event, seq: number, shift: Shift): Event {
  const { tid, request, outcome, divergence, line, time, ...rest } = event;
  const moved = shiftRequest(request, shift);
  const names = namesPid(request)
    ? shift.pid
    : namesSegment(request)
      ? (n: number) => n + shift.shm
      : undefined;
  const ends = (o: Event["outcome"]): Event["outcome"] =>
    names && "ret" in o && Number(o.ret) >= 0 ? { ...o, ret: names(Number(o.ret)) } : o;
  return {
    ...rest,
    seq,
    tid: shift.pid(tid),
    request: moved,
    outcome: ends(outcome),
    ...(divergence === undefined ? {} : { divergence: ends(divergence) }),
    ...(line === undefined ? {} : { line: line + shift.line }),
    ...(time === undefined ? {} : { time: time + shift.time }),
  };
}

const namesPid = ({ call }: Request): boolean => call === "clone" || call === "reap";

const namesSegment = ({ call }: Request): boolean => call === "shmget";

function shiftRequest(r: Request, shift: Shift): Request {
  const file = (id: number): number => (id > 0 ? id + shift.file : id);
  switch (r.call) {
    case "mmap":
    case "cached":
    case "reveal":
    case "appears":
      return { ...r, file: file(r.file) };
    case "file":
      return { ...r, file: shiftFile(r.file, shift) };
    case "clone":
    case "reap":
      return { ...r, child: r.child === 0 ? r.child : shift.pid(r.child) };
    case "adopt":
      return { ...r, tgid: shift.pid(r.tgid) };
    case "setrlimit":
    case "process_madvise":
    case "process_mrelease":
      return { ...r, target: r.target > 0 ? shift.pid(r.target) : r.target };
    case "shmat":
    case "shmget":
    case "shmrm":
      return { ...r, shm: r.shm < 0 ? r.shm : r.shm + shift.shm };
    default:
      return r;
  }
}

function shiftFile(file: OpenFile, shift: Shift): OpenFile {
  const id = (file.id + shift.file) as FileId;
  return file.mapping === undefined
    ? { ...file, id }
    : { ...file, id, mapping: (file.mapping + shift.file) as FileId };
}
