/** What stands before the text of an event. */
export interface Head {
  readonly comm: string;
  readonly pid: number | undefined;
  readonly tid: number;
  readonly cpu: number | undefined;
  readonly time: number | undefined;
  readonly period: number | undefined;
  /** "page-faults:u", "PERF_RECORD_MMAP2". */
  readonly event: string;
  /** Where the event's own text begins. */
  readonly rest: number;
}

/** All that stands before an event's text fits in here: a name of 15 characters, numbers, the event's name. */
const REACH = 512;

const TASK = String.raw`(?:(-?\d+)\/ *)?(-?\d+)`;
const CPU = String.raw`(?:\[(\d{3,})\] +)?`;
/** -F misc: where the processor was. */
const MODE = "(?:[KUHGgu?MESp]{1,4} +)?";
const PERIOD = String.raw`(?:(\d+) +)?`;
const EVENT = String.raw`(?:(PERF_RECORD_[A-Z0-9_]+)|([A-Za-z_][^\s:]*(?::[^\s:]+)*):(?=\s|$))`;

/** Names may hold blanks, digits and colons, so that the first place counts at which all the rest makes sense. */
const TIMED = new RegExp(
  String.raw`^ *(?:(\S.*?) +)??${TASK} +${CPU}${MODE}(\d+\.\d{6,9}): +${PERIOD}${EVENT}`,
);
const UNTIMED = new RegExp(String.raw`^ *(?:(\S.*?) +)??${TASK} +${CPU}${MODE}${PERIOD}${EVENT}`);

/** Reads comm, pid/tid, cpu, time and period, in perf's order; all but the tid may be left out. */
export function readHead(line: string): Head | undefined {
  const beginning = line.slice(0, REACH);
  const timed = TIMED.exec(beginning);
  const found = timed ?? UNTIMED.exec(beginning);
  if (!found) return undefined;
  const [whole, comm = "", pid, tid = "", cpu] = found;
  const [time, period, record, event] = timed ? found.slice(5) : [undefined, ...found.slice(5)];
  return {
    comm,
    pid: pid === undefined ? undefined : Number(pid),
    tid: Number(tid),
    cpu: cpu === undefined ? undefined : Number(cpu),
    time: time === undefined ? undefined : Number(time),
    period: period === undefined ? undefined : Number(period),
    event: record ?? event ?? "",
    rest: whole.length,
  };
}
