import { type Command, InvalidArgumentError, Option } from "commander";
import type { Output } from "../output.ts";
import { example, json, KERNELS, log, OVERWRITES, POSITIONS, pid, positive, type Settle } from "./options.ts";

const FAULTS = `
With --faults, page faults are put among the calls of the trace: perf and strace have recorded one run together,
strace with -ttt or -r. Their clocks are compared by the calls that stand in both:
  perf record -o perf.data -e 'exceptions:*,raw_syscalls:*' -c 1 strace -f -ttt -o strace.txt COMMAND
  perf script -i perf.data --show-mmap-events --show-task-events > perf.txt
`;

const MAPS = `
A file may hold several moments, each behind a line that begins with # and has its time in seconds:
  while sleep 1; do echo "# $(date +%s.%N)"; cat /proc/4242/smaps; done > series.txt
Of a text of maps, memory that may be written to is taken for written to; smaps tells it.
`;

const RECORD_PERF = `
Record with at least system calls, faults and tasks:
  perf record -o perf.data -e 'raw_syscalls:*,exceptions:*,task:task_newtask,sched:sched_process_*' -c 1 -d COMMAND
  perf script -i perf.data --show-mmap-events --show-task-events --show-lost-events > perf.txt
With perf record -a and sched:sched_switch among the events the log tells of CPUs and kernel threads, too.
`;

/** What makes logs. */
export function addRecordings(program: Command, out: Output, settle: Settle): void {
  addRecord(program, out, settle);
  addImport(program, out, settle);
  addRun(program, out, settle);
  addBranch(program, out, settle);
}

const TOOLS = ["strace", "perf", "bpftrace"];

function toolNames(text: string): string[] {
  const names = text.split(",");
  const strange = names.find((name) => !TOOLS.includes(name));
  if (strange === undefined && new Set(names).size === names.length) return names;
  throw new InvalidArgumentError(`It is one of ${TOOLS.join(", ")}, or strace,perf.`);
}

function addRecord(program: Command, out: Output, settle: Settle): void {
  program
    .command("record")
    .description("run a program under a recorder that is installed, and make a log of what it did")
    .usage("[options] -- <command...> | [options] -p <pid>")
    .argument("[command...]", "the program and its arguments")
    .addOption(
      new Option("-p, --pid <n>", "attach to this process instead, until Ctrl-C; may be repeated")
        .argParser((text: string, pids: number[]) => [...pids, positive(text)])
        .default([], "none"),
    )
    .option(
      "-o, --output <log>",
      "the log to write; otherwise the program's name with .ptlog, in this folder",
    )
    .addOption(
      new Option(
        "--with <tools>",
        "strace (calls), perf (calls and page faults), strace,perf (both), or bpftrace (scheduling)",
      ).argParser(toolNames),
    )
    .option("--stacks", "record the user stack of each call too, which takes longer")
    .option("--keep <dir>", "keep there what the recorders write")
    .addOption(json())
    .addHelpText(
      "after",
      `
The program has the terminal; signals go to it, and its exit status is that of this command. Without --with it is
recorded by strace, stopped only at calls that memory follows from, or by perf where there is no strace.
Messages and the summary go to stderr; with --json the summary is on stdout, behind what the program printed.
${example("record -- ls -l\nrecord -o build.ptlog -- make -j2\nrecord -p 4242 -o server.ptlog\nrecord --with strace,perf --keep recordings -- python3 app.py")}`,
    )
    .action(async (command: string[], options) => {
      const { recordCommand } = await import("../commands/record.ts");
      await settle(recordCommand(command, options, out));
    });
}

function addImport(program: Command, out: Output, settle: Settle): void {
  const importing = program
    .command("import")
    .description("make a log from a recording")
    .addHelpText(
      "after",
      example(
        "import strace strace.txt -o my.ptlog\nimport strace strace.txt --faults perf.txt -o my.ptlog\nimport perf perf.txt -o my.ptlog\nimport bpftrace capture.bt.txt -o my.ptlog",
      ),
    );
  importing
    .command("bpftrace")
    .description("make a log from a capture of scheduling, and compare it with the kernel's own values")
    .argument(
      "<file>",
      "what refcounts.bt printed, or the text of typed tracepoints, also gzipped; - is standard input",
    )
    .option(
      "-o, --output <log>",
      "the log to write; otherwise FILE with .ptlog for its ending, in this folder",
    )
    .addOption(json())
    .addHelpText(
      "after",
      `\nThe bpftrace program is packages/import/bpftrace/refcounts.bt; its head says how to run it.\n${example(
        "import bpftrace capture.bt.txt -o my.ptlog\nimport bpftrace capture.bt.txt.gz --json",
      )}`,
    )
    .action(async (file: string, options) => {
      const { importBpftraceCommand } = await import("../commands/import-bpftrace.ts");
      await settle(importBpftraceCommand(file, options, out));
    });
  const format = (name: string, description: string): Command =>
    importing
      .command(name)
      .description(description)
      .option(
        "-o, --output <log>",
        "the log to write; otherwise FILE with .ptlog for its ending, in this folder",
      )
      .option("--sysroot <dir>", "look up the programs that were run under this folder first")
      .option("--cwd <dir>", "where the traced command started; otherwise the folder of its trace is tried")
      .addOption(
        new Option("--kernel <release>", "the Linux release that comes nearest to the recorded kernel")
          .choices(KERNELS)
          .default("6.18"),
      )
      .addOption(json());
  format("strace", "make a log from what strace -f -o FILE wrote; several FILEs are those of strace -ff")
    .argument("<files...>", "recordings, also gzipped; - is standard input")
    .option("--faults <perf>", "text of perf script with the page faults of the same run")
    .addHelpText(
      "after",
      OVERWRITES +
        FAULTS +
        example(
          "import strace strace.txt -o my.ptlog\nimport strace trace.4242 trace.4243 -o my.ptlog\nimport strace strace.txt --faults perf.txt -o my.ptlog",
        ),
    )
    .action(async (files: string[], options) => {
      const { importStraceCommand } = await import("../commands/import-strace.ts");
      await settle(importStraceCommand(files, options, out));
    });
  format("maps", "make a log from texts of /proc/PID/maps or smaps, one moment each")
    .argument("<files...>", "the texts, in order; - is standard input")
    .addOption(
      new Option("--pid <n>", "the process, which maps does not name").argParser(positive).default(1),
    )
    .addHelpText("after", OVERWRITES + MAPS + example("import maps before.smaps after.smaps -o my.ptlog"))
    .action(async (files: string[], options) => {
      const { importMapsCommand } = await import("../commands/import-maps.ts");
      await settle(importMapsCommand(files, options, out));
    });
  format("perf", "make a log from the text of perf script: system calls, page faults, tasks")
    .argument("<file>", "the text, also gzipped; - is standard input")
    .addHelpText("after", OVERWRITES + RECORD_PERF + example("import perf perf.txt -o my.ptlog"))
    .action(async (file: string, options) => {
      const { importPerfCommand } = await import("../commands/import-perf.ts");
      await settle(importPerfCommand(file, options, out));
    });
}

function addRun(program: Command, out: Output, settle: Settle): void {
  program
    .command("run")
    .description(
      "run a scenario, check what it expects, and make a log of it; exit 1 if something is otherwise",
    )
    .argument("<scenario>", "a file of requests, one a line; - is standard input")
    .option(
      "-o, --output <log>",
      "the log to write; otherwise SCENARIO with .ptlog for its ending, in this folder",
    )
    .addOption(json())
    .addHelpText(
      "after",
      `\nA scenario says, line by line, what processes ask of the kernel and how they use their memory:

  process A
  A: mmap p 16K rw private anon
  A: write p "hello"              -> 1 fault
  A: fork B
  expect A B share p
  B: write p "world"              -> 1 fault
  expect A content p "hello"

docs/SCENARIOS.md has the language, examples/scenarios a score of scenarios.\n${example(
        "run examples/scenarios/fork-and-copy.scenario -o fork.ptlog\nmaps fork.ptlog --at end",
      )}`,
    )
    .action(async (path: string, options) => {
      const { runCommand } = await import("../commands/run.ts");
      await settle(runCommand(path, options, out));
    });
}

const repeated = (flags: string, description: string): Option =>
  new Option(flags, description)
    .argParser((text: string, before: string[]) => [...before, text])
    .default([], "none");

function addBranch(program: Command, out: Output, settle: Settle): void {
  program
    .command("branch")
    .description("make a log that shares the past of another, and goes on from there with what is changed")
    .addArgument(log())
    .requiredOption("--at <pos>", "the moment behind which it goes on")
    .requiredOption("-o, --output <log>", "the log to write")
    .addOption(
      repeated("--drop <range>", "leave these events out: POS..POS, half-open, or one; may be repeated"),
    )
    .option(
      "--edit <file>",
      "events as events --jsonl prints them: with seq in place of that one, else right behind POS",
    )
    .addOption(
      repeated("--limit <limit>", "a limit from there on: as=64M, data, stack, memlock; may be repeated"),
    )
    .addOption(pid())
    .addOption(
      repeated("--set <member>", "with --at start, another machine: sysctl.maxMapCount=100; may be repeated"),
    )
    .addOption(json())
    .addHelpText(
      "after",
      `
Every event behind POS is asked for again, and comes out as the model says; a program uses the addresses that it is
given. What was recorded otherwise than the model says stands. The branch names LOG by hash, and needs it.
${POSITIONS}${example(
  "branch my.ptlog --at line:120 --limit as=64M -o small.ptlog\nbranch my.ptlog --at start --set sysctl.maxMapCount=100 -o few.ptlog\nbranch my.ptlog --at 57 --drop 60..62 -o other.ptlog\ndiff my.ptlog other.ptlog",
)}`,
    )
    .action(async (path: string, options) => {
      const { branchCommand } = await import("../commands/branch.ts");
      await settle(branchCommand(path, options, out));
    });
}
