import { Command, CommanderError, Option } from "commander";
import { addChecks } from "./cli/checks.ts";
import { addCompletion } from "./cli/completion.ts";
import { addDebug } from "./cli/debug.ts";
import { addExport } from "./cli/export.ts";
import type { Settle } from "./cli/options.ts";
import { addRecordings } from "./cli/recordings.ts";
import { addSearches } from "./cli/searches.ts";
import { addViews } from "./cli/views.ts";
import { ClosedPipe, Interrupted, type Io } from "./io.ts";
import { Output } from "./output.ts";
import { ProblemError } from "./problem.ts";
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
    const code = await parse(argv, out, io);
    out.flush();
    return out.isPartial ? USAGE : code;
  } catch (error) {
    if (error instanceof ClosedPipe) return 0;
    if (error instanceof Interrupted) return INTERRUPTED;
    if (error instanceof ProblemError) {
      out.problem(error.problem);
      return USAGE;
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    out.error(`pagetrail: this is a bug of pagetrail (${argv.join(" ")}): please report it\n${text}\n`);
    return USAGE;
  }
}

async function parse(argv: readonly string[], out: Output, io: Io): Promise<number> {
  let code = 0;
  const program = buildProgram(out, io, (ended) => {
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
function buildProgram(out: Output, io: Io, end: (code: number) => void): Command {
  const settle: Settle = async (ending) => {
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
    .option("--no-pager", "do not show what is longer than the terminal by way of PAGER")
    .hook("preAction", (_, command) => {
      const { color, pager } = program.opts<{ color: ColorChoice; pager: boolean }>();
      out.setColor(color);
      if (pager && PAGED.has(command.name())) out.usePager();
    })
    .addHelpText("after", EXAMPLES);
  addRecordings(program, out, settle);
  addViews(program, out, settle);
  addSearches(program, out, settle);
  addExport(program, out, settle);
  addChecks(program, out, settle);
  addDebug(program, settle, () => ({
    io,
    color: program.opts<{ color: ColorChoice }>().color,
    run: (words, own) => parse(["--color", program.opts<{ color: ColorChoice }>().color, ...words], own, io),
  }));
  addCompletion(program, out);
  for (const command of [program, ...program.commands.flatMap((c) => [c, ...c.commands])])
    strict(command, out);
  return program;
}

/** Commands whose text is read from its beginning, and may be long. */
const PAGED: ReadonlySet<string> = new Set([
  ...["events", "maps", "smaps", "status", "pagemap", "vtop", "ps", "cpus", "refs", "frames", "kmap"],
  ...["info", "blame", "why", "diff", "series"],
]);

const EXAMPLES = `
Examples:
  pagetrail tour                                 see what it does, on a bundled recording
  pagetrail import strace strace.txt -o my.ptlog make a log from what strace wrote
  pagetrail maps my.ptlog --at 50%               /proc/PID/maps in the middle of it`;

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
