import { Argument, type Command, Option } from "commander";
import type { Output } from "../output.ts";
import {
  ADDRESSES,
  at,
  checkpointMemory,
  example,
  json,
  log,
  natural,
  POSITIONS,
  pid,
  type Settle,
} from "./options.ts";

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

/** What finds where and why something became so. */
export function addSearches(program: Command, out: Output, settle: Settle): void {
  addLookups(program, out, settle);
  addCauses(program, out, settle);
}

/** What looks through a whole log. */
function addLookups(program: Command, out: Output, settle: Settle): void {
  program
    .command("when")
    .description("print the events at which something happens or becomes so; exit 1 if there are some")
    .addArgument(log())
    .addArgument(expression())
    .option("--first", "only the first of them")
    .option("--last", "only the last of them, searched for backward")
    .option("--all", "all of them, as without any option")
    .addOption(whose())
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText(
      "after",
      EXPRESSIONS +
        example("when my.ptlog 'call == mmap && outcome == ENOMEM'\nwhen my.ptlog 'maps > 60' --first"),
    )
    .action(async (path: string, text: string, options) => {
      const { whenCommand } = await import("../commands/when.ts");
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
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", EXPRESSIONS + example("bisect my.ptlog 'maps > 60'"))
    .action(async (path: string, text: string, options) => {
      const { bisectCommand } = await import("../commands/bisect.ts");
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
      const { shrinkCommand } = await import("../commands/shrink.ts");
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
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText(
      "after",
      `\ndocs/EXPRESSIONS.md has all numbers.\n${example("series my.ptlog vmas\nseries my.ptlog rss --plot")}`,
    )
    .action(async (path: string, what: string, options) => {
      const { seriesCommand } = await import("../commands/series.ts");
      await settle(seriesCommand(path, what, options, out));
    });
}

/** What tells how things came about, and what differs. */
function addCauses(program: Command, out: Output, settle: Settle): void {
  program
    .command("why")
    .description("tell how an event came to its outcome: the kernel's functions, their checks, what decided")
    .addArgument(log())
    .argument("<pos>", "the event, or a position behind it")
    .addOption(json())
    .addHelpText("after", POSITIONS + example("why my.ptlog 57\nwhy my.ptlog line:123 --json"))
    .action(async (path: string, position: string, options) => {
      const { whyCommand } = await import("../commands/why.ts");
      await settle(whyCommand(path, position, options, out));
    });
  program
    .command("blame")
    .description("show which events made each range of an address space what it is at a moment")
    .addArgument(log())
    .argument("[addr]", "only what lies there: ADDR for its page, a name for its mappings, or ADDR..ADDR")
    .addOption(at())
    .addOption(pid())
    .option("--group", "put together what the same call from the same stack made: for leaks")
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText(
      "after",
      `\nOf one address it tells the whole way: through mremap, fork, split and merge, with user stacks where the\nrecording has them. Beside LOG it keeps LOG.blame, so that the next time need not execute the log.\n${POSITIONS}${ADDRESSES}${example(
        "blame my.ptlog --at 50%\nblame my.ptlog heap --pid 4242\nblame my.ptlog 0x7ffff7fc0000 --json",
      )}`,
    )
    .action(async (path: string, address: string | undefined, options) => {
      const { blameCommand } = await import("../commands/blame.ts");
      await settle(blameCommand(path, address, options, out));
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
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText(
      "after",
      POSITIONS +
        example(
          "diff my.ptlog 20 50%\ndiff my.ptlog --at end --pid 4242 --pid 4243\ndiff my.ptlog other.ptlog --normalize\ndiff before.smaps after.smaps",
        ),
    )
    .action(async (path: string, others: string[], options) => {
      const { diffCommand } = await import("../commands/diff.ts");
      await settle(diffCommand(path, others, options, out));
    });
}
