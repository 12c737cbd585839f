import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { Ending, ExitCode } from "./commands/command.ts";
import { ClosedPipe, Interrupted, type Io } from "./io.ts";
import { Output } from "./output.ts";
import type { ColorChoice } from "./text/style.ts";
import { version } from "./version.ts";

const USAGE = 2;
const INTERRUPTED = 130;

/**
 * Runs one command line and gives its exit code: 0 fine or same, 1 differences found, 2 usage or bad
 * input, also where a part of the input could be used, 130 interrupted.
 *
 * @param argv the words behind the program's name
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const out = new Output(io);
  try {
    const code = await parse(argv, out);
    out.flush();
    return out.isPartial ? USAGE : code;
  } catch (error) {
    if (error instanceof ClosedPipe) return 0;
    if (error instanceof Interrupted) return INTERRUPTED;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    out.error(`pagetrail: this is a bug of pagetrail (${argv.join(" ")}): please report it\n${text}\n`);
    return USAGE;
  }
}

async function parse(argv: readonly string[], out: Output): Promise<number> {
  let code = 0;
  const program = buildProgram(out, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : USAGE;
  }
}

/** Every command with its arguments; `end` learns how the one that ran ended. */
function buildProgram(out: Output, end: (code: ExitCode | typeof USAGE) => void): Command {
  const settle = async (ending: Ending): Promise<void> => {
    const ended = await ending;
    if (!ended.ok) out.problem(ended.error);
    end(ended.ok ? ended.value : USAGE);
  };
  const program = new Command("pagetrail")
    .description("Imports, replays and inspects how Linux managed the memory of a process.")
    .version(version())
    .addOption(
      new Option("--color <when>", "when to colour output")
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .hook("preAction", () => {
      out.setColor(program.opts<{ color: ColorChoice }>().color);
    })
    .addHelpText("after", EXAMPLES);
  addImport(program, out, settle);
  addRun(program, out, settle);
  addReading(program, out, settle);
  addSearches(program, out, settle);
  addChecks(program, out, settle);
  for (const command of [program, ...program.commands.flatMap((c) => [c, ...c.commands])])
    strict(command, out);
  return program;
}

type Settle = (ending: Ending) => Promise<void>;

const POSITIONS = `
POS is an event number, start, end, 50%, line:123 (of the recording) or time:1.25 (seconds since its start),
each also with +N or -N.`;

/** The releases that core knows, written out so that --help need not load it. */
export const KERNELS: readonly string[] = ["5.4", "6.1", "6.18"];

const EXAMPLES = `
Examples:
  pagetrail tour                                 see what it does, on a bundled recording
  pagetrail import strace strace.txt -o my.ptlog make a log from what strace wrote
  pagetrail maps my.ptlog --at 50%               /proc/PID/maps in the middle of it`;

const example = (text: string): string => `\nExamples:\n${text.replaceAll(/^(?=.)/gm, "  pagetrail ")}`;

const at = (): Option => new Option("--at <pos>", "the moment: behind this event").default("end");
const json = (): Option => new Option("--json", "print one JSON document");
const log = (): Argument => new Argument("<log>", "a .ptlog, a .ptlog.gz, or - for standard input");

const OVERWRITES =
  "\nA log of that name is made anew; any other file is not overwritten. Divergences are no failure.\n";

const FAULTS = `
With --faults, page faults are put among the calls of the trace: perf and strace have recorded one run together,
strace with -ttt or -r. Their clocks are compared by the calls that stand in both:
  perf record -o perf.data -e 'exceptions:*,raw_syscalls:*' -c 1 strace -f -ttt -o strace.txt COMMAND
  perf script -i perf.data --show-mmap-events --show-task-events > perf.txt
`;

const RECORD_PERF = `
Record with at least system calls, faults and tasks:
  perf record -o perf.data -e 'raw_syscalls:*,exceptions:*,task:task_newtask,sched:sched_process_*' -c 1 -d COMMAND
  perf script -i perf.data --show-mmap-events --show-task-events --show-lost-events > perf.txt
`;

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
      const { importBpftraceCommand } = await import("./commands/import-bpftrace.ts");
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
      const { importStraceCommand } = await import("./commands/import-strace.ts");
      await settle(importStraceCommand(files, options, out));
    });
  format("perf", "make a log from the text of perf script: system calls, page faults, tasks")
    .argument("<file>", "the text, also gzipped; - is standard input")
    .addHelpText("after", OVERWRITES + RECORD_PERF + example("import perf perf.txt -o my.ptlog"))
    .action(async (file: string, options) => {
      const { importPerfCommand } = await import("./commands/import-perf.ts");
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
      const { runCommand } = await import("./commands/run.ts");
      await settle(runCommand(path, options, out));
    });
}

function addReading(program: Command, out: Output, settle: Settle): void {
  program
    .command("info")
    .description("show a log's header and what it holds")
    .addArgument(log())
    .addOption(json())
    .addHelpText("after", example("info my.ptlog"))
    .action(async (path: string, options) => {
      const { infoCommand } = await import("./commands/info.ts");
      await settle(infoCommand(path, options, out));
    });
  program
    .command("events")
    .description("print the events, one a line: number, line of the recording, task, call")
    .addArgument(log())
    .argument("[range]", "POS..POS, half-open; a side may be left out; POS alone is one event")
    .addOption(json())
    .option("--jsonl", "print the events as the log has them")
    .addHelpText(
      "after",
      POSITIONS + example("events my.ptlog\nevents my.ptlog 50%..50%+20\nevents my.ptlog line:100..line:120"),
    )
    .action(async (path: string, range: string | undefined, options) => {
      const { eventsCommand } = await import("./commands/events.ts");
      await settle(eventsCommand(path, range, options, out));
    });
  program
    .command("maps")
    .description("print a process's /proc/PID/maps at a moment, byte for byte")
    .addArgument(log())
    .addOption(at())
    .addOption(pid())
    .option("--gaps", "show what is free between the mappings")
    .addOption(json())
    .addHelpText(
      "after",
      POSITIONS + example("maps my.ptlog --at line:31\nmaps my.ptlog --at 57 --pid 4242 --gaps"),
    )
    .action(async (path: string, options) => {
      const { mapsCommand } = await import("./commands/maps.ts");
      await settle(mapsCommand(path, options, out));
    });
  addProcessViews(program, out, settle);
  addPageViews(program, out, settle);
  program
    .command("ps")
    .description("list the tasks of a moment and their address spaces")
    .addArgument(log())
    .addOption(at())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("ps my.ptlog --at 50%"))
    .action(async (path: string, options) => {
      const { psCommand } = await import("./commands/ps.ts");
      await settle(psCommand(path, options, out));
    });
  addOwnership(program, out, settle);
}

/** Who has which address space, and which CPU runs on it. */
function addOwnership(program: Command, out: Output, settle: Settle): void {
  program
    .command("refs")
    .description("show who holds each address space at a moment, and since which event")
    .addArgument(log())
    .addOption(at())
    .addOption(new Option("--pid <n>", "only the address space of this process").argParser(natural))
    .addOption(json())
    .addHelpText("after", POSITIONS + example("refs my.ptlog --at line:120\nrefs my.ptlog --pid 4242"))
    .action(async (path: string, options) => {
      const { refsCommand } = await import("./commands/refs.ts");
      await settle(refsCommand(path, options, out));
    });
  program
    .command("cpus")
    .description("show what each CPU runs at a moment, which address space it has loaded, and its TLB")
    .addArgument(log())
    .addOption(at())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("cpus my.ptlog --at time:0.25"))
    .action(async (path: string, options) => {
      const { cpusCommand } = await import("./commands/cpus.ts");
      await settle(cpusCommand(path, options, out));
    });
}

/** The smaller files of /proc/PID, each one line or a few. */
function addProcessViews(program: Command, out: Output, settle: Settle): void {
  const view = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addArgument(log())
      .addOption(at())
      .addOption(pid())
      .addOption(json())
      .addHelpText(
        "after",
        POSITIONS + example(`${name} my.ptlog --at line:31\n${name} my.ptlog --pid 4242`),
      );
  view("smaps", "print a process's /proc/PID/smaps at a moment")
    .option("--rollup", "print /proc/PID/smaps_rollup instead: the sums over all mappings")
    .action(async (path: string, options) => {
      const { smapsCommand } = await import("./commands/smaps.ts");
      await settle(smapsCommand(path, options, out));
    });
  view("status", "print what /proc/PID/status says of a process's address space, at a moment").action(
    async (path: string, options) => {
      const { statusCommand } = await import("./commands/status.ts");
      await settle(statusCommand(path, options, out));
    },
  );
  view("statm", "print a process's /proc/PID/statm at a moment").action(async (path: string, options) => {
    const { statmCommand } = await import("./commands/statm.ts");
    await settle(statmCommand(path, options, out));
  });
}

const ADDRESSES = `
ADDR is an address in hex, or the first of heap, stack, vdso or a mapped file's name; each also with +0x10.`;

/** What needs a log that tells of every access to memory. */
function addPageViews(program: Command, out: Output, settle: Settle): void {
  program
    .command("pagemap")
    .description("print /proc/PID/pagemap at a moment: a line for each page that is there")
    .addArgument(log())
    .argument(
      "[range]",
      "ADDR for its page, a name for all of its mappings, ADDR..ADDR, or 2000-3000 of maps",
    )
    .addOption(at())
    .addOption(pid())
    .option("--raw", "write the 8-byte entries of the range as the kernel's file has them")
    .addOption(json())
    .option("--jsonl", "print a JSON object a line")
    .addHelpText(
      "after",
      POSITIONS +
        ADDRESSES +
        example(
          "pagemap my.ptlog --at 50%\npagemap my.ptlog heap --pid 4242\npagemap my.ptlog 7ffff7fc0000-7ffff7fc4000 --raw",
        ),
    )
    .action(async (path: string, range: string | undefined, options) => {
      const { pagemapCommand } = await import("./commands/pagemap.ts");
      await settle(pagemapCommand(path, range, options, out));
    });
  program
    .command("why")
    .description("tell how an event came to its outcome: the kernel's functions, their checks, what decided")
    .addArgument(log())
    .argument("<pos>", "the event, or a position behind it")
    .addOption(json())
    .addHelpText("after", POSITIONS + example("why my.ptlog 57\nwhy my.ptlog line:123 --json"))
    .action(async (path: string, position: string, options) => {
      const { whyCommand } = await import("./commands/why.ts");
      await settle(whyCommand(path, position, options, out));
    });
  program
    .command("vtop")
    .description(
      "walk the page tables to an address, as crash does: each level's entry, the frame, the VMA, the TLBs",
    )
    .addArgument(log())
    .argument("<addr>", "the address")
    .addOption(at())
    .addOption(pid())
    .addOption(json())
    .addHelpText(
      "after",
      POSITIONS +
        ADDRESSES +
        example(
          "vtop my.ptlog 0x7ffff7fc0000 --at 50%\nvtop my.ptlog heap+0x10 --pid 4242\nvtop my.ptlog libc.so.6",
        ),
    )
    .action(async (path: string, address: string, options) => {
      const { vtopCommand } = await import("./commands/vtop.ts");
      await settle(vtopCommand(path, address, options, out));
    });
  program
    .command("frames")
    .description("show what physical memory is used for at a moment, or a frame and who maps it")
    .addArgument(log())
    .addArgument(new Argument("[pfn]", "the frame's number, decimal or 0x and hex").argParser(frameNumber))
    .addOption(at())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("frames my.ptlog --at 50%\nframes my.ptlog 0xfffa"))
    .action(async (path: string, pfn: number | undefined, options) => {
      const { framesCommand } = await import("./commands/frames.ts");
      await settle(framesCommand(path, pfn, options, out));
    });
  addKmap(program, out, settle);
}

function addKmap(program: Command, out: Output, settle: Settle): void {
  program
    .command("kmap")
    .description("show the kernel half of every address space: its regions, vmalloc areas and slots of kmap")
    .addArgument(log())
    .addOption(at())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("kmap my.ptlog --at 50%"))
    .action(async (path: string, options) => {
      const { kmapCommand } = await import("./commands/kmap.ts");
      await settle(kmapCommand(path, options, out));
    });
}

function frameNumber(text: string): number {
  if (/^(\d{1,15}|0x[0-9a-f]{1,12})$/i.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a frame's number, decimal or 0x and hex.");
}

const pid = (): Option =>
  new Option("--pid <n>", "the process; otherwise the only or the first one").argParser(natural);

function natural(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number.");
}

function positive(text: string): number {
  const n = natural(text);
  if (n > 0) return n;
  throw new InvalidArgumentError("It is at least 1.");
}

const EXPRESSIONS = `
EXPR says what happens or how things are, for example:
  call == mmap && outcome == ENOMEM     vma 0x7ffff7fc0000 split       rss > 64M
  pid 4243: vmas > 100                  pte 0x7ffff7fc0000 writable    mm_count == 0
What speaks of events is found at each; what speaks of states where it becomes true. docs/EXPRESSIONS.md has the
language.
`;

const expression = (): Argument => new Argument("<expr>", "what is looked for");
const whose = (): Option =>
  new Option("--pid <n>", "the process that is meant where EXPR names none; otherwise the first").argParser(
    natural,
  );

/** What looks through a whole log. */
function addSearches(program: Command, out: Output, settle: Settle): void {
  program
    .command("when")
    .description("print the events at which something happens or becomes so; exit 1 if there are some")
    .addArgument(log())
    .addArgument(expression())
    .option("--first", "only the first of them")
    .option("--last", "only the last of them, searched for backward")
    .option("--all", "all of them, as without any option")
    .addOption(whose())
    .addOption(json())
    .addHelpText(
      "after",
      EXPRESSIONS +
        example("when my.ptlog 'call == mmap && outcome == ENOMEM'\nwhen my.ptlog 'maps > 60' --first"),
    )
    .action(async (path: string, text: string, options) => {
      const { whenCommand } = await import("./commands/when.ts");
      await settle(whenCommand(path, text, options, out));
    });
  program
    .command("bisect")
    .description(
      "find the first event that makes something so, and what changed there; exit 1 if there is one",
    )
    .addArgument(log())
    .addArgument(expression())
    .addOption(whose())
    .addOption(json())
    .addHelpText("after", EXPRESSIONS + example("bisect my.ptlog 'maps > 60'"))
    .action(async (path: string, text: string, options) => {
      const { bisectCommand } = await import("./commands/bisect.ts");
      await settle(bisectCommand(path, text, options, out));
    });
  program
    .command("shrink")
    .description("find the fewest events for which something still holds: a log, a scenario and a C program")
    .addArgument(log())
    .addArgument(expression())
    .requiredOption(
      "-o, --output <log>",
      "the log to write; beside it go a .scenario and a .c of the same name",
    )
    .addOption(whose())
    .addOption(json())
    .addHelpText(
      "after",
      EXPRESSIONS + example("shrink my.ptlog 'vma split && call == mprotect' -o small.ptlog"),
    )
    .action(async (path: string, text: string, options) => {
      const { shrinkCommand } = await import("./commands/shrink.ts");
      await settle(shrinkCommand(path, text, options, out));
    });
  program
    .command("series")
    .description("show a number over time: each event behind which it is another")
    .addArgument(log())
    .argument("<what>", "vmas, total_vm, rss, faults, pte, brk, committed and the like, also rss + swap")
    .option("--csv", "print event,line,time,value")
    .option("--plot", "draw it")
    .addOption(whose())
    .addOption(json())
    .addHelpText(
      "after",
      `\ndocs/EXPRESSIONS.md has all numbers.\n${example("series my.ptlog vmas\nseries my.ptlog rss --plot")}`,
    )
    .action(async (path: string, what: string, options) => {
      const { seriesCommand } = await import("./commands/series.ts");
      await settle(seriesCommand(path, what, options, out));
    });
}

function addChecks(program: Command, out: Output, settle: Settle): void {
  program
    .command("replay")
    .description("execute a log again and check every outcome and seal; exit 1 at the first difference")
    .addArgument(log())
    .addOption(new Option("--to <pos>", "stop behind this event").default("end"))
    .addOption(new Option("--emit <what>", "print after each system call what has changed").choices(["maps"]))
    .option("--jsonl", "print a JSON object a line")
    .addOption(json())
    .addHelpText("after", POSITIONS + example("replay my.ptlog\nreplay my.ptlog --emit maps --jsonl"))
    .action(async (path: string, options) => {
      const { replayCommand } = await import("./commands/replay.ts");
      await settle(replayCommand(path, options, out));
    });
  program
    .command("pack")
    .description("write a log packed, readable by zcat, or a packed one as text")
    .addArgument(log())
    .addOption(new Option("-o, --output <log>", "the new log; without it the name with or without .gz"))
    .addOption(json())
    .addHelpText("after", OVERWRITES + example("pack my.ptlog\npack my.ptlog.gz -o my.ptlog"))
    .action(async (path: string, options) => {
      const { packCommand } = await import("./commands/pack.ts");
      await settle(packCommand(path, options, out));
    });
  program
    .command("diff")
    .description(
      "show what differs between two moments, processes, logs or texts of /proc/PID/maps; exit 1 if anything does",
    )
    .addArgument(log())
    .argument("[others...]", "two positions, another log, or another text of maps or smaps")
    .addOption(new Option("--at <pos>", "compare two processes at this moment"))
    .addOption(
      pid()
        .argParser((text: string, pids: number[]) => [...pids, natural(text)])
        .default([], "none"),
    )
    .option(
      "--normalize",
      "count places from the bases that the kernel chose at random, so that two runs compare",
    )
    .option(
      "--steps",
      "print the steps from one moment to the other as JSON: all that differs, to be applied",
    )
    .addOption(json())
    .addHelpText(
      "after",
      POSITIONS +
        example(
          "diff my.ptlog 20 50%\ndiff my.ptlog --at end --pid 4242 --pid 4243\ndiff my.ptlog other.ptlog --normalize\ndiff before.smaps after.smaps",
        ),
    )
    .action(async (path: string, others: string[], options) => {
      const { diffCommand } = await import("./commands/diff.ts");
      await settle(diffCommand(path, others, options, out));
    });
  program
    .command("blame")
    .description("show which events made each range of an address space what it is at a moment")
    .addArgument(log())
    .argument("[addr]", "only what lies there: ADDR for its page, a name for its mappings, or ADDR..ADDR")
    .addOption(at())
    .addOption(pid())
    .addOption(json())
    .addHelpText(
      "after",
      `\nOf one address it tells the whole way: through mremap, fork, split and merge, with user stacks where the\nrecording has them. Beside LOG it keeps LOG.blame, so that the next time need not execute the log.\n${POSITIONS}${ADDRESSES}${example(
        "blame my.ptlog --at 50%\nblame my.ptlog heap --pid 4242\nblame my.ptlog 0x7ffff7fc0000 --json",
      )}`,
    )
    .action(async (path: string, address: string | undefined, options) => {
      const { blameCommand } = await import("./commands/blame.ts");
      await settle(blameCommand(path, address, options, out));
    });
  program
    .command("verify")
    .description("check a log's seals, outcomes, sealed states and the model's laws; exit 1 if one fails")
    .addArgument(log())
    .addOption(
      new Option("--every <n>", "check the laws behind every so many events").argParser(positive).default(1),
    )
    .addOption(json())
    .addHelpText("after", example("verify my.ptlog\nverify my.ptlog --every 100"))
    .action(async (path: string, options) => {
      const { verifyCommand } = await import("./commands/verify.ts");
      await settle(verifyCommand(path, options, out));
    });
  program
    .command("check")
    .description(
      "do random operations in the model and on the running kernel, side by side; exit 1 if they differ",
    )
    .addOption(new Option("--seed <n>", "the first seed").argParser(positive).default(1))
    .addOption(new Option("--seeds <n>", "how many seeds").argParser(positive).default(50))
    .addOption(new Option("--ops <n>", "operations of each seed").argParser(positive).default(200))
    .option("--pages", "compare pages: accesses, smaps, pagemap, status and faults of a family of processes")
    .addOption(json())
    .addHelpText(
      "after",
      `\nIt needs Linux 6.18 on x86-64 and gcc, and --pages needs root. The first difference is\nshrunk to the few calls that it needs, and printed as calls and as a C program.\n${example("check\ncheck --seed 4711 --seeds 1\ncheck --seeds 5000 --ops 200\ncheck --pages --ops 100")}`,
    )
    .action(async (options) => {
      if (options.pages) {
        const { checkPagesCommand } = await import("./commands/check-pages.ts");
        await settle(checkPagesCommand(options, out));
        return;
      }
      const { checkCommand } = await import("./commands/check.ts");
      await settle(checkCommand(options, out));
    });
  program
    .command("tour")
    .description("show what pagetrail does, on a log or on the bundled recording")
    .addArgument(new Argument("[log]", "a log; otherwise a recorded pipeline of bash"))
    .addOption(json())
    .addHelpText("after", example("tour\ntour my.ptlog"))
    .action(async (path: string | undefined, options) => {
      const { tourCommand } = await import("./commands/tour.ts");
      await settle(tourCommand(path, options, out));
    });
}

/** Makes a command throw instead of leaving the process, and speak as all of pagetrail does. */
function strict(command: Command, out: Output): void {
  const path = command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  const help = command.parent ? `pagetrail ${path} --help` : "pagetrail --help";
  command.exitOverride().configureOutput({
    writeOut: (text) => out.write(text),
    writeErr: (text) => out.error(text),
    outputError: (text, write) => {
      const said = text
        .replace(/^error: /, "")
        .trim()
        .replaceAll("\n", " ");
      write(`pagetrail: ${said.replace(/\.$/, "")}: see ${help}\n`);
    },
  });
}
