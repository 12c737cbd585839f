import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import {
  advanceState,
  type Event,
  fileId,
  initialState,
  type KernelState,
  mmOf,
  type OpenFile,
  pid,
  REFERENCE_PROFILE,
  type Request,
} from "@pagetrail/core";
import { expect, test } from "vitest";
import "@pagetrail/testing/setup";

const reason = whyNoLiveKernel();

const PAGE = 4096;
const PAGES = 4;
const VICTIM = pid(100);
const KINDS = ["private", "shared", "copies", "file", "locked"] as const;
const FLAGS = { private: 0x32, shared: 0x31, copies: 0x12, file: 0x11, locked: 0x2032 };
const place = (kind: number): number => 0x20000000 + kind * 0x100000;

/** Resident kilobytes of each kind before and after, a line each, as the kernel has them. */
function onTheKernel(): string {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-reap-"));
  try {
    const [program, file] = [join(folder, "oom-reap"), join(folder, "file")];
    writeFileSync(file, Buffer.alloc(16 * PAGE));
    execFileSync("gcc", ["-O1", "-o", program, new URL("oom-reap.c", import.meta.url).pathname]);
    return execFileSync(program, [file], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

class Model {
  state: KernelState = initialState({
    ...REFERENCE_PROFILE,
    pages: { ...REFERENCE_PROFILE.pages, known: true, frames: 2 ** 14 },
  });

  ask(request: Request): void {
    const event: Omit<Event, "outcome"> = { seq: this.state.seq + 1, tid: VICTIM, request };
    const { predicted } = advanceState(this.state, { ...event, outcome: { ret: 0 } });
    expect(predicted).not.toHaveProperty("errno");
    this.state = advanceState(this.state, { ...event, outcome: predicted }).state;
    expect(this.state).toSatisfyLaws();
  }

  /** Resident kilobytes of a kind. */
  resident(kind: number): number {
    const { table } = mmOf(this.state, VICTIM)?.pages ?? {};
    let found = 0;
    for (let page = 0; page < PAGES; page++) {
      const at = place(kind) / PAGE + page;
      const lowest = table?.find(0, at);
      if (lowest && table && !lowest.isEmpty(table.index(0, at))) found += PAGE / 1024;
    }
    return found;
  }
}

function inTheModel(): string {
  const model = new Model();
  const file: OpenFile = {
    id: fileId(1),
    path: "/file",
    kind: "disk",
    readable: true,
    writable: true,
    deleted: false,
    size: 16 * PAGE,
  };
  model.ask({ call: "adopt", comm: "victim", tgid: VICTIM });
  model.ask({ call: "file", file });
  model.ask({ call: "cached", file: 1, start: 0, end: 16 });
  KINDS.forEach((kind, i) => {
    const named = kind === "copies" || kind === "file" ? 1 : 0;
    const length = PAGES * PAGE;
    model.ask({ call: "mmap", addr: place(i), length, prot: 3, flags: FLAGS[kind], offset: 0, file: named });
    model.ask({ call: "access", addr: place(i), length, kind: kind === "file" ? "read" : "write" });
  });
  const before = KINDS.map((_, i) => model.resident(i));
  model.ask({ call: "oom_kill", target: VICTIM });
  model.ask({ call: "oom_reap", target: VICTIM });
  return KINDS.map((kind, i) => `${kind} ${before[i]} ${model.resident(i)}\n`).join("");
}

test.skipIf(reason !== undefined)(
  `the reaper takes of a dying process what the kernel's takes${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const told = onTheKernel();
    expect(told.split("\n")).toHaveLength(KINDS.length + 1);
    expect(inTheModel()).toBe(told);
  },
);
