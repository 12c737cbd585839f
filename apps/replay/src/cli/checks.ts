import { Argument, type Command, Option } from "commander";
import type { Output } from "../output.ts";
import { example, json, log, OVERWRITES, POSITIONS, positive, type Settle } from "./options.ts";

/** What checks logs, and the model. */
export function addChecks(program: Command, out: Output, settle: Settle): void {
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
      const { replayCommand } = await import("../commands/replay.ts");
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
      const { packCommand } = await import("../commands/pack.ts");
      await settle(packCommand(path, options, out));
    });
  program
    .command("bookmark")
    .description("name a moment of a log, to be written @name where a position is asked for")
    .addArgument(log())
    .argument("[name]", "the name; without one the bookmarks are listed")
    .argument("[pos]", "the moment; otherwise the end")
    .option("--delete", "forget the name")
    .addOption(json())
    .addHelpText(
      "after",
      `\nBookmarks are kept beside LOG, in LOG.bookmarks.\n${POSITIONS}${example(
        "bookmark my.ptlog leak line:1200\nmaps my.ptlog --at @leak+3\nbookmark my.ptlog",
      )}`,
    )
    .action(async (path: string, name: string | undefined, position: string | undefined, options) => {
      const { bookmarkCommand } = await import("../commands/bookmark.ts");
      await settle(bookmarkCommand(path, { name, position }, options, out));
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
      const { verifyCommand } = await import("../commands/verify.ts");
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
        const { checkPagesCommand } = await import("../commands/check-pages.ts");
        await settle(checkPagesCommand(options, out));
        return;
      }
      const { checkCommand } = await import("../commands/check.ts");
      await settle(checkCommand(options, out));
    });
  program
    .command("tour")
    .description("show what pagetrail does, on a log or on the bundled recording")
    .addArgument(new Argument("[log]", "a log; otherwise a recorded pipeline of bash"))
    .addOption(json())
    .addHelpText("after", example("tour\ntour my.ptlog"))
    .action(async (path: string | undefined, options) => {
      const { tourCommand } = await import("../commands/tour.ts");
      await settle(tourCommand(path, options, out));
    });
}
