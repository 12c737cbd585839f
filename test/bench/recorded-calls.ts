import { join } from "node:path";
import { LiveKernel, whyNoLiveKernel } from "@pagetrail/conformance";
import {
  type Event,
  initialState,
  type KernelState,
  MAP,
  mmOf,
  PAGE_SIZE,
  type Pid,
  type Request,
  replayEvents,
} from "@pagetrail/core";
import { importCase } from "../recorded/import-case.ts";
import { loadCase, recordedDir } from "../recorded/truth.ts";
import { besideKernel, type CallMix } from "./kernel.ts";
import type { Row } from "./row.ts";

/** The recording that most calls of the log of a million events are from. */
const NAME = "python-threads";

/** So far below their own place the calls are made: away from what the program that makes them has itself. */
const BELOW = 2 ** 44;

const FIXED = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;

const mapped = (addr: number, length: number, prot: number): Request => ({
  call: "mmap",
  addr: addr - BELOW,
  length,
  prot,
  flags: FIXED,
  offset: 0,
  file: 0,
});

/**
 * A recorded call as the program can make it: its place moved, with anonymous memory for files. What is about a program
 * at a low address is left out.
 */
function reissued({ request: r, outcome }: Event): Request | undefined {
  if (!("ret" in outcome)) return undefined;
  switch (r.call) {
    case "mmap":
      return outcome.ret > BELOW ? mapped(Number(outcome.ret), Number(r.length), r.prot) : undefined;
    case "munmap":
    case "mprotect":
    case "madvise":
      return r.addr > BELOW ? { ...r, addr: Number(r.addr) - BELOW } : undefined;
    default:
      return undefined;
  }
}

/** What the process has mapped at such places. */
const standing = (state: KernelState, pid: Pid): readonly Request[] =>
  (mmOf(state, pid)?.vmas.toArray() ?? [])
    .filter((v) => v.start * PAGE_SIZE > BELOW && v.ops.label === undefined)
    .map((v) => mapped(v.start * PAGE_SIZE, v.pages * PAGE_SIZE, v.flags & 7));

/** The calls of the recording's first process from its exec on, and what was mapped before them. */
function recordedCalls(): CallMix {
  const { profile, events } = importCase(loadCase(join(recordedDir, NAME)), { laws: false });
  const exec = events.findIndex(({ request }) => request.call === "execve");
  const { state } = replayEvents(initialState(profile), events.slice(0, exec + 1));
  const pid = events[exec]?.tid ?? (0 as Pid);
  const threads = new Set<number>([pid]);
  for (const { tid, request } of events)
    if (threads.has(tid) && request.call === "clone" && (request.flags & 0x100) !== 0)
      threads.add(request.child);
  const calls = events
    .slice(exec + 1)
    .filter(({ tid }) => threads.has(tid))
    .flatMap((event) => reissued(event) ?? []);
  return { made: standing(state, pid), count: calls.length, next: (_, i) => calls[i] as Request };
}

/** The model beside the kernel on real calls: nanoseconds of each. */
export function* recordedRows(): Iterable<Row> {
  const reason = whyNoLiveKernel();
  if (reason !== undefined) {
    yield { name: "million-kernel", value: 0, unit: "ns/call", note: `not measured: ${reason}` };
    return;
  }
  const live = new LiveKernel();
  try {
    const { ours, kernel } = besideKernel(live, recordedCalls);
    yield {
      name: "million-kernel",
      value: ours,
      unit: "ns/call",
      baseline: { name: "live kernel", value: kernel },
      ratio: ours / kernel,
      note: `mmap, munmap, mprotect and madvise as ${NAME} called them, files replaced by anonymous memory`,
    };
  } finally {
    live.close();
  }
}
