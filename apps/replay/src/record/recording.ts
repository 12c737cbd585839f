import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ok, type Result } from "@pagetrail/core";
import { type Problem, refused } from "../problem.ts";
import { type Attached, attach } from "./attach.ts";
import { firstChild, type ProgramEnd, runProgram } from "./run-program.ts";
import { straceWords } from "./strace-words.ts";
import type { ToolName } from "./tools.ts";

/** What is to be recorded, with which tools, and where they lie. */
export interface RecordWish {
  /** The program and its arguments, or processes that run already. */
  readonly command: readonly string[];
  readonly pids: readonly number[];
  readonly tools: ReadonlyMap<ToolName, string>;
  readonly stacks: boolean;
  /** Where the recorders write. */
  readonly folder: string;
}

/** What was recorded: texts, as an import reads them. */
export type Recording = { readonly end: ProgramEnd } & (
  | {
      readonly kind: "strace";
      readonly trace: string;
      readonly faults?: string;
      readonly attached?: Attached;
    }
  | { readonly kind: "perf"; readonly faults: string }
  | { readonly kind: "bpftrace"; readonly capture: string }
);

/** Runs the program under its recorders, and puts what they have into texts. */
export async function recordingOf(wish: RecordWish): Promise<Result<Recording, Problem>> {
  const strace = wish.tools.get("strace");
  const perf = wish.tools.get("perf");
  const bpftrace = wish.tools.get("bpftrace");
  if (bpftrace !== undefined) return withBpftrace(bpftrace, wish);
  if (perf !== undefined) return withPerf(perf, strace, wish);
  return withStrace(strace ?? "strace", wish);
}

async function withStrace(
  strace: string,
  { command, pids, stacks, folder }: RecordWish,
): Promise<Result<Recording, Problem>> {
  if (pids.length > 0) {
    const attached = await attach(strace, pids, { folder, stacks });
    if (!attached.ok) return attached;
    return ok({ kind: "strace", trace: attached.value.trace, attached: attached.value, end: { status: 0 } });
  }
  const trace = join(folder, "strace.txt");
  const words = straceWords({ trace, everything: false, stacks });
  const end = await runProgram([strace, "--seccomp-bpf", ...words, "--", ...command], firstChild);
  return ok({ kind: "strace", trace, end });
}

const CALLS_AND_FAULTS = "raw_syscalls:*,exceptions:*";
const TASKS = "task:task_newtask,sched:sched_process_*";

async function withPerf(
  perf: string,
  strace: string | undefined,
  { command, stacks, folder }: RecordWish,
): Promise<Result<Recording, Problem>> {
  const data = join(folder, "perf.data");
  const faults = join(folder, "perf.txt");
  const trace = join(folder, "strace.txt");
  const traced =
    strace === undefined
      ? command
      : [strace, ...straceWords({ trace, everything: true, stacks: false }), "--", ...command];
  const events = strace === undefined ? `${CALLS_AND_FAULTS},${TASKS}` : CALLS_AND_FAULTS;
  const words = ["record", "-q", "-o", data, "-c", "1", "-d", "-e", events, ...(stacks ? ["-g"] : [])];
  const target = (pid: number): number =>
    strace === undefined ? firstChild(pid) : firstChild(firstChild(pid));
  const end = await runProgram([perf, ...words, "--", ...traced], target);
  const script = ["script", "-i", data, "--show-mmap-events", "--show-task-events", "--show-lost-events"];
  const failure = await writeOutput([perf, ...script], faults);
  if (failure !== undefined)
    return refused({
      what: `perf has recorded nothing that it can print: ${failure}`,
      where: data,
      advice: "recording tracepoints needs root, or kernel.perf_event_paranoid at -1",
    });
  if (strace === undefined) return ok({ kind: "perf", faults, end });
  return ok({ kind: "strace", trace, faults, end });
}

/** Puts what a program prints into a file. Gives its last words where it fails. */
function writeOutput([program = "", ...words]: readonly string[], file: string): Promise<string | undefined> {
  const fd = openSync(file, "w");
  const child = spawn(program, words, { stdio: ["ignore", fd, "pipe"] });
  closeSync(fd);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("latin1")).slice(-2000);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) =>
      resolve(status === 0 ? undefined : (said.trim().split("\n").at(-1) ?? "")),
    );
  });
}

/** How long bpftrace may take until it records. */
const BPFTRACE_BEGINS_WITHIN = 30_000;

async function withBpftrace(
  bpftrace: string,
  { command, folder }: RecordWish,
): Promise<Result<Recording, Problem>> {
  const capture = join(folder, "capture.bt.txt");
  const program = join(
    dirname(fileURLToPath(import.meta.resolve("@pagetrail/import/package.json"))),
    "bpftrace/refcounts.bt",
  );
  const env = { ...process.env, BPFTRACE_PERF_RB_PAGES: "1024" };
  const recorder = spawn(bpftrace, ["-o", capture, program], {
    stdio: ["ignore", "ignore", "pipe"],
    env,
    // Not in our process group, so that Ctrl-C in the terminal leaves it to its end.
    detached: true,
  });
  let said = "";
  recorder.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("latin1")).slice(-2000);
  });
  const gone = new Promise<void>((resolve) => {
    recorder.once("error", () => resolve());
    recorder.once("close", () => resolve());
  });
  const begun = await Promise.race([beginsWithin(capture, BPFTRACE_BEGINS_WITHIN), gone.then(() => false)]);
  if (!begun) {
    recorder.kill("SIGKILL");
    const why = said.trim().split("\n").at(-1) ?? "";
    return refused({
      what: `bpftrace does not record: ${why === "" ? "it says nothing" : why}`,
      where: program,
      advice: "it needs root and debugfs: mount -t debugfs none /sys/kernel/debug",
    });
  }
  const end = await runProgram(command);
  recorder.kill("SIGINT");
  await gone;
  return ok({ kind: "bpftrace", capture, end });
}

/** Whether a capture has its first line before the time is over. */
async function beginsWithin(capture: string, milliseconds: number): Promise<boolean> {
  for (let waited = 0; waited < milliseconds; waited += 50) {
    if (hasLine(capture)) return true;
    await sleep(50);
  }
  return false;
}

function hasLine(file: string): boolean {
  try {
    return readFileSync(file, "latin1").includes("\n");
  } catch {
    return false;
  }
}
