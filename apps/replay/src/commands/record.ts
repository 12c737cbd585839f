import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fail, ok, type Result } from "@pagetrail/core";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { fileProblem, type Problem, refused } from "../problem.ts";
import { type Recording, type RecordWish, recordingOf } from "../record/recording.ts";
import { exitStatus } from "../record/run-program.ts";
import { findOnPath, howToInstall, type ToolName } from "../record/tools.ts";
import type { CommonOptions } from "./command.ts";
import { importBpftraceCommand } from "./import-bpftrace.ts";
import type { ImportOptions } from "./import-into.ts";
import { importPerfCommand } from "./import-perf.ts";
import { importStraceCommand } from "./import-strace.ts";

export interface RecordOptions extends CommonOptions {
  readonly output?: string;
  /** The recorders to be used; otherwise strace, or perf where there is no strace. */
  readonly with?: readonly ToolName[];
  /** Processes that run already, in place of a program. */
  readonly pid?: readonly number[];
  readonly stacks?: boolean;
  /** A folder for what the recorders write. */
  readonly keep?: string;
}

/**
 * Runs a program under recorders and makes a log of what it did. The program has the terminal, and its exit status
 * is that of the command, 128 and the signal's number where a signal ended it.
 */
export async function recordCommand(
  command: readonly string[],
  options: RecordOptions,
  out: Output,
): Promise<Result<number, Problem>> {
  const ready = prepare(command, options);
  if (!ready.ok) return ready;
  const { log, wish } = ready.value;
  const source = command.length > 0 ? command : wish.pids.map((pid) => `-p ${pid}`);
  let needed = options.keep !== undefined;
  try {
    const recorded = await recordingOf(wish);
    if (!recorded.ok) return recorded;
    const imported = await importRecording(recorded.value, { ...options, output: log, command: source }, out);
    if (imported.ok) return ok(exitStatus(recorded.value.end));
    needed = true;
    out.note(`what was recorded is in ${wish.folder}`);
    return imported;
  } finally {
    if (!needed) rmSync(wish.folder, { recursive: true, force: true });
  }
}

interface Ready {
  readonly log: string;
  readonly wish: RecordWish;
}

/** Everything that can be wrong before the program runs. */
function prepare(command: readonly string[], options: RecordOptions): Result<Ready, Problem> {
  const [program = ""] = command;
  const { pid: pids = [] } = options;
  const found = pids.length > 0 ? checkAttach(program, options.with) : checkProgram(program);
  if (found) return fail(found);
  const tools = chooseTools(pids.length > 0 ? ["strace"] : options.with);
  if (!tools.ok) return tools;
  const name = program === "" ? `process-${pids.join("-")}` : basename(program);
  const target = logTarget(options.output ?? `${name}.ptlog`, []);
  if (!target.ok) return target;
  const folder = folderFor(options.keep);
  if (!folder.ok) return folder;
  const { stacks = false } = options;
  return ok({ log: target.value, wish: { command, pids, tools: tools.value, stacks, folder: folder.value } });
}

function checkAttach(program: string, tools: readonly ToolName[] = []): Problem | undefined {
  if (program !== "")
    return {
      what: "either a program is run or -p names what runs already",
      where: program,
      advice: "leave one of them out",
    };
  if (tools.every((tool) => tool === "strace")) return undefined;
  return { what: "only strace attaches", where: "--with", advice: "leave it out with -p" };
}

function checkProgram(program: string): Problem | undefined {
  if (program === "")
    return { what: "there is no program to run", advice: "name one behind --, or processes with -p PID" };
  if (!program.includes("/"))
    return findOnPath(program, process.env.PATH)
      ? undefined
      : { what: "there is no such program", where: program, advice: "check the name, or give its path" };
  try {
    if (statSync(program).isDirectory())
      return { what: "this is a directory", where: program, advice: "name a program behind --" };
    accessSync(program, constants.X_OK);
    return undefined;
  } catch (error) {
    return fileProblem(program, error);
  }
}

function chooseTools(asked: readonly ToolName[] | undefined): Result<ReadonlyMap<ToolName, string>, Problem> {
  const path = process.env.PATH;
  const wanted: readonly ToolName[] = asked ?? [
    findOnPath("strace", path) || !findOnPath("perf", path) ? "strace" : "perf",
  ];
  if (wanted.length > 1 && wanted.includes("bpftrace"))
    return refused({
      what: "bpftrace records scheduling by itself, and no other recorder beside it",
      where: "--with",
      advice: "give it alone, or strace and perf together",
    });
  const tools = new Map<ToolName, string>();
  for (const name of wanted) {
    const file = findOnPath(name, path);
    if (file === undefined)
      return refused({ what: `${name} is not here`, where: `--with ${name}`, advice: howToInstall(name) });
    tools.set(name, file);
  }
  return ok(tools);
}

function folderFor(keep: string | undefined): Result<string, Problem> {
  if (keep === undefined) return ok(mkdtempSync(join(tmpdir(), "pagetrail-")));
  try {
    mkdirSync(keep, { recursive: true });
    return ok(keep);
  } catch (error) {
    const problem = fileProblem(keep, error);
    if (!problem) throw error;
    return refused(problem);
  }
}

/** The log's lines are not mixed with the program's output: without --json they go to stderr. */
async function importRecording(recording: Recording, options: ImportOptions, out: Output) {
  const said = options.json ? out : out.besides();
  const ended = await importWith(recording, { ...options, cwd: process.cwd() }, said);
  said.flush();
  return ended;
}

function importWith(recording: Recording, options: ImportOptions, out: Output) {
  if (recording.kind === "bpftrace") return importBpftraceCommand(recording.capture, options, out);
  if (recording.kind === "perf") return importPerfCommand(recording.faults, options, out);
  const { trace, faults, attached } = recording;
  const more = { ...(faults === undefined ? {} : { faults }), ...(attached && { attached }) };
  return importStraceCommand([trace], { ...options, ...more }, out);
}
