import { type Command, Option } from "commander";
import type { Output } from "../output.ts";
import { checkpointMemory, example, log, natural, POSITIONS, type Settle } from "./options.ts";

/** What hands a log to other programs. */
export function addExport(program: Command, out: Output, settle: Settle): void {
  program
    .command("export")
    .description("write a log as a Perfetto trace, as CSV, or as a picture of its address spaces over time")
    .addArgument(log())
    .argument("[range]", "POS..POS, half-open; a side may be left out")
    .addOption(
      new Option("--as <format>", "the form")
        .choices(["perfetto", "csv", "html", "svg"])
        .makeOptionMandatory(),
    )
    .option("-o, --output <file>", "where it goes; otherwise to standard output")
    .addOption(new Option("--pid <n>", "only this process").argParser(natural))
    .addOption(checkpointMemory())
    .addHelpText(
      "after",
      `
perfetto  JSON for ui.perfetto.dev and chrome://tracing: mappings as slices, sizes as counters, calls, faults, errors
csv       a row for each event, with the numbers of its process's address space behind it
html      one page that needs no other: a picture for each address space, with every mapping's line of maps
svg       the same pictures as one file
${POSITIONS}${example(
  "export my.ptlog --as html -o my.html\nexport my.ptlog 50%.. --as csv --pid 4242\nexport my.ptlog --as perfetto -o my.json",
)}`,
    )
    .action(async (path: string, range: string | undefined, options) => {
      const { exportCommand } = await import("../commands/export.ts");
      await settle(exportCommand(path, range, options, out));
    });
}
