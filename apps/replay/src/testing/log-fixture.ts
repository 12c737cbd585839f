import { join } from "node:path";
import { type FileId, MAP, type Outcome, PAGE_SIZE, type Pid, PROT, type Request } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { run } from "../cli.ts";
import type { DataSink, Io } from "../io.ts";

const addressOfOutcome = (outcome: Outcome): number => ("ret" in outcome ? Number(outcome.ret) : 0);

/**
 * A process 100 (demo) that maps memory and a library, changes both, and has a child 101 that ends.
 * Event 7 is refused, event 10 diverges; lines count from 1 at event 3, times from 10 s.
 */
export function demo(): Recorder {
  const r = new Recorder();
  r.call(100, { call: "adopt", comm: "demo", tgid: 100 as Pid });
  r.call(100, {
    call: "file",
    file: {
      id: 1 as FileId,
      path: "/lib/libdemo.so",
      kind: "disk",
      readable: true,
      writable: false,
      deleted: false,
    },
  });
  const heap = addressOfOutcome(r.call(100, anonymous(4 * PAGE_SIZE), { line: 1, time: 10 }));
  const library: Request = {
    call: "mmap",
    addr: 0,
    length: 12288,
    prot: PROT.READ | PROT.EXEC,
    flags: MAP.PRIVATE,
    offset: 0,
    file: 1,
  };
  const code = addressOfOutcome(r.call(100, library, { line: 2, time: 10.5 }));
  r.call(100, { call: "mprotect", addr: code + 4096, length: 4096, prot: PROT.READ }, { line: 3, time: 11 });
  r.call(100, { call: "munmap", addr: heap, length: 4096 }, { line: 5, time: 11.25 });
  r.call(100, { call: "munmap", addr: heap + 1, length: 4096 }, { line: 6, time: 11.5 });
  r.call(100, { call: "clone", flags: 0, child: 101 as Pid }, { line: 7, time: 12, as: "fork" });
  r.call(101, anonymous(2 * PAGE_SIZE), { line: 8, time: 12.5 });
  r.call(100, anonymous(8 * PAGE_SIZE), { line: 9, time: 13, outcome: { ret: 0x10000000 } });
  r.call(101, { call: "exit_group", code: 0 }, { line: 10, time: 13.5 });
  r.call(100, { call: "reap", child: 101 as Pid }, { line: 11, time: 14, as: "wait4" });
  return r;
}

/** The demo's log in a folder of its own. */
export const demoLog = (recorder: Recorder = demo()): string =>
  recorder.write(join(testFolder(), "demo.ptlog"));

/** What a command line printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A stream that keeps what is written to it. */
export function collecting(isTTY = false): {
  readonly sink: DataSink;
  readonly text: () => string;
  readonly bytes: () => Uint8Array;
} {
  const pieces: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void pieces.push(bytes.slice());
  return {
    sink: { isTTY, write: (text) => keep(Buffer.from(text, "utf8")), writeBytes: keep },
    text: () => Buffer.concat(pieces).toString("utf8"),
    bytes: () => Buffer.concat(pieces),
  };
}

/** Runs a command line with nothing of the test's own terminal and environment. */
export async function pagetrail(argv: readonly string[], more: Partial<Io> = {}): Promise<Ran> {
  const [stdout, stderr] = [collecting(), collecting()];
  const io: Io = {
    stdout: stdout.sink,
    stderr: stderr.sink,
    env: {},
    interrupted: new AbortController().signal,
    ...more,
  };
  const code = await run(argv, io);
  return { code, out: stdout.text(), err: stderr.text() };
}
