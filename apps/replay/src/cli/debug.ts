import { type Command, Option } from "commander";
import type { DebugHost } from "../commands/debug.ts";
import { example, log, POSITIONS, type Settle } from "./options.ts";

/** Commands about one log that its debugger has as verbs. */
const VIEWS: ReadonlySet<string> = new Set([
  ...["maps", "smaps", "status", "statm", "pagemap", "vtop", "ps", "cpus", "refs", "frames", "kmap"],
  ...["events", "when", "bisect", "series", "blame", "why", "diff", "bookmark", "info", "verify"],
]);

/** What steps through a log, with every view at hand. */
export function addDebug(program: Command, settle: Settle, host: () => Omit<DebugHost, "views">): void {
  program
    .command("debug")
    .description("step through a log, forward and back, with breakpoints, and look at any moment")
    .addArgument(log())
    .addOption(new Option("--at <pos>", "the moment to begin at").default("start"))
    .option("-x, --execute <file>", "do these lines first")
    .option(
      "--screen",
      "show it on the whole terminal: timeline, address space, event and changes; keys move",
    )
    .option("--batch", "end behind them; exit 2 at the first that cannot be done")
    .addHelpText(
      "after",
      `\nThe verbs are those of gdb and rr: step, next, continue, reverse-step and so on, break EXPR, watch ADDR, goto POS.\nEvery view of the command line is a verb, too, about the moment and the process that the prompt says.\n${POSITIONS}${example(
        "debug my.ptlog\ndebug my.ptlog --screen\ndebug my.ptlog --at line:120\ndebug my.ptlog -x script.txt --batch",
      )}`,
    )
    .action(async (path: string, options) => {
      const { debugCommand } = await import("../commands/debug.ts");
      await settle(debugCommand(path, options, { ...host(), views: viewsOf(program) }));
    });
}

function viewsOf(program: Command): DebugHost["views"] {
  const has = (command: Command, option: string): boolean =>
    command.options.some(({ long }) => long === option);
  return program.commands
    .filter((command) => VIEWS.has(command.name()))
    .map((command) => ({
      name: command.name(),
      what: command.description(),
      at: has(command, "--at"),
      pid: has(command, "--pid"),
    }));
}
