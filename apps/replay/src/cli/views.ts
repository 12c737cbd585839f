import { Argument, type Command, InvalidArgumentError, Option } from "commander";
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

/** What shows a moment of a log. */
export function addViews(program: Command, out: Output, settle: Settle): void {
  program
    .command("info")
    .description("show a log's header and what it holds")
    .addArgument(log())
    .addOption(json())
    .addHelpText("after", example("info my.ptlog"))
    .action(async (path: string, options) => {
      const { infoCommand } = await import("../commands/info.ts");
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
      const { eventsCommand } = await import("../commands/events.ts");
      await settle(eventsCommand(path, range, options, out));
    });
  program
    .command("maps")
    .description("print a process's /proc/PID/maps at a moment, byte for byte")
    .addArgument(log())
    .addOption(at())
    .addOption(pid())
    .option("--gaps", "show what is free between the mappings")
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText(
      "after",
      POSITIONS + example("maps my.ptlog --at line:31\nmaps my.ptlog --at 57 --pid 4242 --gaps"),
    )
    .action(async (path: string, options) => {
      const { mapsCommand } = await import("../commands/maps.ts");
      await settle(mapsCommand(path, options, out));
    });
  addProcessViews(program, out, settle);
  addPageViews(program, out, settle);
  program
    .command("ps")
    .description("list the tasks of a moment and their address spaces")
    .addArgument(log())
    .addOption(at())
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("ps my.ptlog --at 50%"))
    .action(async (path: string, options) => {
      const { psCommand } = await import("../commands/ps.ts");
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
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("refs my.ptlog --at line:120\nrefs my.ptlog --pid 4242"))
    .action(async (path: string, options) => {
      const { refsCommand } = await import("../commands/refs.ts");
      await settle(refsCommand(path, options, out));
    });
  program
    .command("cpus")
    .description("show what each CPU runs at a moment, which address space it has loaded, and its TLB")
    .addArgument(log())
    .addOption(at())
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("cpus my.ptlog --at time:0.25"))
    .action(async (path: string, options) => {
      const { cpusCommand } = await import("../commands/cpus.ts");
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
      .addOption(checkpointMemory())
      .addOption(json())
      .addHelpText(
        "after",
        POSITIONS + example(`${name} my.ptlog --at line:31\n${name} my.ptlog --pid 4242`),
      );
  view("smaps", "print a process's /proc/PID/smaps at a moment")
    .option("--rollup", "print /proc/PID/smaps_rollup instead: the sums over all mappings")
    .action(async (path: string, options) => {
      const { smapsCommand } = await import("../commands/smaps.ts");
      await settle(smapsCommand(path, options, out));
    });
  view("status", "print what /proc/PID/status says of a process's address space, at a moment").action(
    async (path: string, options) => {
      const { statusCommand } = await import("../commands/status.ts");
      await settle(statusCommand(path, options, out));
    },
  );
  view("statm", "print a process's /proc/PID/statm at a moment").action(async (path: string, options) => {
    const { statmCommand } = await import("../commands/statm.ts");
    await settle(statmCommand(path, options, out));
  });
}

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
    .addOption(checkpointMemory())
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
      const { pagemapCommand } = await import("../commands/pagemap.ts");
      await settle(pagemapCommand(path, range, options, out));
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
    .addOption(checkpointMemory())
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
      const { vtopCommand } = await import("../commands/vtop.ts");
      await settle(vtopCommand(path, address, options, out));
    });
  program
    .command("frames")
    .description("show what physical memory is used for at a moment, or a frame and who maps it")
    .addArgument(log())
    .addArgument(new Argument("[pfn]", "the frame's number, decimal or 0x and hex").argParser(frameNumber))
    .addOption(at())
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("frames my.ptlog --at 50%\nframes my.ptlog 0xfffa"))
    .action(async (path: string, pfn: number | undefined, options) => {
      const { framesCommand } = await import("../commands/frames.ts");
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
    .addOption(checkpointMemory())
    .addOption(json())
    .addHelpText("after", POSITIONS + example("kmap my.ptlog --at 50%"))
    .action(async (path: string, options) => {
      const { kmapCommand } = await import("../commands/kmap.ts");
      await settle(kmapCommand(path, options, out));
    });
}

function frameNumber(text: string): number {
  if (/^(\d{1,15}|0x[0-9a-f]{1,12})$/i.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a frame's number, decimal or 0x and hex.");
}
