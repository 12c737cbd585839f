import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { ClosedPipe, type DataSink } from "./io.ts";
import { collecting, demoLog, pagetrail } from "./testing/log-fixture.ts";

function file(name: string, content: string | Uint8Array): string {
  const path = join(testFolder(), name);
  writeFileSync(path, content);
  return path;
}

const altered = (change: (text: string) => string): string => {
  const path = demoLog();
  writeFileSync(path, change(readFileSync(path, "utf8")));
  return path;
};

/** Every command that reads a log. */
const READERS = [
  ["info"],
  ["events"],
  ["maps"],
  ["pagemap"],
  ["frames"],
  ["ps"],
  ["refs"],
  ["cpus"],
  ["replay"],
  ["verify"],
  ["tour"],
];

describe("a file that is no log", () => {
  const cases: readonly (readonly [string, () => string, string])[] = [
    ["an empty file", () => file("empty.ptlog", ""), "it is empty (PATH, line 1): give a .ptlog file"],
    [
      "a binary file",
      () =>
        file(
          "binary.ptlog",
          Uint8Array.from({ length: 4096 }, (_, i) => i % 251),
        ),
      "not a Pagetrail log",
    ],
    ["a text", () => file("text.txt", "1234 brk(NULL) = 0x1000\n"), "or import the recording first"],
    [
      "a missing file",
      () => join(testFolder(), "none.ptlog"),
      "no such file or directory (PATH): check the name",
    ],
    ["a folder", () => testFolder(), "a directory is in the way (EISDIR) (PATH): name a file"],
    ["a flipped byte", () => altered((t) => t.replace("0x4000", "0x4001")), "the seal does not fit"],
    [
      "a newer version",
      () => altered((t) => t.replace('{"pagetrail":1', '{"pagetrail":2')),
      "the log has version 2; this program reads version 1 (PATH, line 1): read it with a newer pagetrail",
    ],
    [
      "a cut gzip archive",
      () => file("cut.ptlog.gz", gzipSync(readFileSync(demoLog())).subarray(0, 200)),
      "it is not whole (Z_BUF_ERROR) (PATH)",
    ],
  ];

  test.each(cases)(
    "%s is refused by every command, in one line and with exit code 2",
    async (_, make, words) => {
      const path = make();
      for (const command of READERS) {
        const { code, out, err } = await pagetrail([...command, path]);
        expect([command, code, out]).toEqual([command, 2, ""]);
        expect(err).toMatch(/^pagetrail: [^\n]+: [^\n]+\n$/);
        expect(err.replaceAll(path, "PATH")).toContain(words);
      }
    },
  );

  test("a torn tail is told, the events before it are shown, and the exit code says that there was more", async () => {
    const torn = altered((text) => text.slice(0, text.indexOf('{"seal"') - 20));
    const { code, out, err } = await pagetrail(["events", torn]);
    expect(code).toBe(2);
    expect(out.trimEnd().split("\n")).toHaveLength(11);
    expect(err).toMatch(
      /^pagetrail: the last line was not written to its end and is left out \(.*, line 13, \d+ bytes\)/,
    );
  });

  test("an event that the model cannot have made is refused, and named", async () => {
    const log = altered((t) =>
      t.replace(/\{"seal".*\n/, "").replace('"call":"mprotect"', '"call":"mprotekt"'),
    );
    const { code, err } = await pagetrail(["info", log]);
    expect(code).toBe(2);
    expect(err).toMatch(/event 5: unknown call "mprotekt" \(.*, line 6\): import the recording again\n$/);
  });

  test("a log whose events do not follow from one another is refused by views, and told by replay", async () => {
    const log = altered((t) =>
      t.replace(/\{"seal".*\n/, "").replace('"tid":101,"call":"mmap"', '"tid":999,"call":"mmap"'),
    );
    const view = await pagetrail(["maps", log, "--at", "10"]);
    expect(view.code).toBe(2);
    expect(view.err).toContain("event 9 replays otherwise than recorded");
    const replay = await pagetrail(["replay", log]);
    expect(replay.code).toBe(1);
    expect(replay.out).toContain("  replay  -ESRCH (no task 999)");
  });
});

describe("a wrong command line", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["mapz"], "unknown command 'mapz' (Did you mean maps?): see pagetrail --help"],
    [["maps", "LOG", "--depth", "3"], "unknown option '--depth': see pagetrail maps --help"],
    [["maps"], "missing required argument 'log': see pagetrail maps --help"],
    [
      ["maps", "LOG", "--pid", "x"],
      "argument 'x' is invalid. It is a whole number: see pagetrail maps --help",
    ],
    [["verify", "LOG", "--every", "0"], "argument '0' is invalid. It is at least 1"],
    [["--color=loud", "ps", "LOG"], "Allowed choices are auto, always, never"],
    [["ps", "LOG", "extra"], "too many arguments for 'ps'"],
    [["import", "gdb", "LOG"], "unknown command 'gdb'"],
    [["import", "perf", "LOG"], "this is not the text of perf script"],
    [
      ["maps", "LOG", "--at", "99"],
      "'99' is event 99, and the log has events 1 to 12 (LOG): see pagetrail events",
    ],
    [["maps", "LOG", "--at", "@x"], "there is no bookmark @x: the log has none"],
    [
      ["maps", "LOG", "--pid", "7"],
      "there is no process 7 (LOG, event 12): the log has 100 (demo), 101 (demo)",
    ],
    [["maps", "LOG", "--pid", "101"], "process 101 is gone (LOG, event 12): it is there from event 8 to 10"],
    [
      ["maps", "LOG", "--pid", "101", "--at", "3"],
      "process 101 is not there yet (LOG, event 3): it begins at event 8",
    ],
    [
      ["maps", "LOG", "--at", "start"],
      "there is no process at event 0 (LOG): look at another moment with --at",
    ],
    [["events", "LOG", "5..3"], "'5..3' ends at event 3, before its start at event 5 (LOG)"],
    [["replay", "LOG", "--to", "x"], "'x' is no position; use an event number"],
  ];

  test.each(cases)("%j says what is wrong and exits with 2", async (words, said) => {
    const log = demoLog();
    const { code, out, err } = await pagetrail(words.map((word) => (word === "LOG" ? log : word)));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^pagetrail: [^\n]+\n$/);
    expect(err.replaceAll(log, "LOG")).toContain(said);
  });

  test("without a command is answered with help on stderr", async () => {
    const { code, out, err } = await pagetrail([]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("Usage: pagetrail");
  });
});

describe("help", () => {
  const COMMANDS = [
    "import",
    "import strace",
    "import bpftrace",
    "info",
    "events",
    "replay",
    "maps",
    "smaps",
    "status",
    "statm",
    "pagemap",
    "vtop",
    "frames",
    "ps",
    "refs",
    "cpus",
    "diff",
    "verify",
    "tour",
  ];

  test.each(["", ...COMMANDS])("of '%s' is on stdout and has an example", async (command) => {
    const { code, out, err } = await pagetrail([...command.split(" ").filter(Boolean), "--help"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/Examples:\n {2}pagetrail /);
  });

  test("has the version of the package", async () => {
    expect(await pagetrail(["--version"])).toEqual({ code: 0, out: "0.1.0\n", err: "" });
  });
});

describe("colour", () => {
  const ran = async (
    args: readonly string[],
    env: Record<string, string>,
    isTTY: boolean,
  ): Promise<boolean> => {
    const { sink, text } = collecting(isTTY);
    await pagetrail(["diff", demoLog(), "3", "end", ...args], { stdout: sink, env });
    expect(text()).toContain("10000000-10008000");
    return text().includes("\x1b[");
  };

  test("is on a terminal, and nowhere else unless it is asked for", async () => {
    expect(await ran([], {}, true)).toBe(true);
    expect(await ran([], {}, false)).toBe(false);
    expect(await ran(["--color=always"], { NO_COLOR: "1" }, false)).toBe(true);
    expect(await ran(["--color=never"], {}, true)).toBe(false);
    expect(await ran([], { NO_COLOR: "1" }, true)).toBe(false);
    expect(await ran([], { NO_COLOR: "" }, true)).toBe(true);
  });
});

describe("an end from outside", () => {
  const failing = (error: Error): DataSink => {
    const write = (): never => {
      throw error;
    };
    return { isTTY: false, write, writeBytes: write };
  };

  test("a closed pipe is quiet", async () => {
    const stdout = failing(new ClosedPipe());
    expect(await pagetrail(["events", demoLog()], { stdout })).toEqual({ code: 0, out: "", err: "" });
  });

  test("a mistake of ours shows where it happened", async () => {
    const stdout = failing(new TypeError("oops"));
    const { code, err } = await pagetrail(["events", demoLog()], { stdout });
    expect(code).toBe(2);
    expect(err).toContain("this is a bug of pagetrail");
  });
});
