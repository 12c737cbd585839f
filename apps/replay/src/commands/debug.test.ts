import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

/** Does lines in the debugger, and gives what it printed of each kind. */
async function debugged(lines: readonly string[], log = demoLog(), more: readonly string[] = []) {
  const script = log.replace("demo.ptlog", "script.txt");
  writeFileSync(script, `${lines.join("\n")}\n`);
  const { code, out, err } = await pagetrail(["debug", log, "-x", script, "--batch", ...more]);
  return { code, out, err, log };
}

/** The numbers of the events that it stopped behind. */
const stops = (out: string): readonly number[] =>
  [...out.matchAll(/^ {2,}(\d+) +(?:\d+|·) +\d+ \w+\(/gm)].map(([, seq]) => Number(seq));

describe("the debugger", () => {
  test("steps forward and back, and says so at either end", async () => {
    const { out, err } = await debugged(["step", "s 3", "reverse-step", "rs 2", "rs 9", "goto end", "s"]);
    expect(stops(out)).toEqual([1, 4, 3, 1, 12]);
    expect(out).toContain("the start, before the first of 12 events\n");
    expect(err).toContain("this is the end of the log");
  });

  test("an empty line steps once more, but shows nothing twice", async () => {
    const { out } = await debugged(["s", "", "", "where", "", "s"]);
    expect(stops(out)).toEqual([1, 2, 3, 3, 4]);
  });

  test("next keeps to the process that was chosen", async () => {
    const { out, err } = await debugged(["goto 8", "process 101", "next", "next", "reverse-next"]);
    expect(err).toContain("process 101 (demo)");
    expect(stops(out)).toEqual([8, 9, 11, 9]);
  });

  test("stops where an expression holds, in either direction, and at the ends without one", async () => {
    const lines = [
      "break call == munmap",
      "c",
      "c",
      "c",
      "rc",
      "rc",
      "rc",
      "info breakpoints",
      "delete 1",
      "c",
    ];
    const { out, err } = await debugged(lines);
    expect(stops(out)).toEqual([6, 7, 12, 7, 6, 12]);
    expect(out).toContain("the start, before the first of 12 events\n");
    expect(out).toMatch(/^1 {2}breakpoint +4 {2}call == munmap$/m);
    expect(err.match(/breakpoint 1: call == munmap/g)).toHaveLength(5);
  });

  test("a watchpoint of memory, of a number and of a condition stops at each change", async () => {
    const memory = await debugged(["goto 4", "watch libdemo.so", "c", "c", "rc"]);
    expect(stops(memory.out)).toEqual([4, 5, 12, 5]);
    const number = await debugged(["watch vmas", "c", "c", "c", "rc"]);
    expect(stops(number.out)).toEqual([1, 3, 4, 3]);
    const condition = await debugged(["watch vmas > 3", "c", "c"]);
    expect(stops(condition.out)).toEqual([5, 12]);
  });

  test("of several stop points the nearest counts, and all that are there are told", async () => {
    const { out, err } = await debugged(["b call == mprotect", "b vmas > 3", "b call == munmap", "c", "c"]);
    expect(stops(out)).toEqual([5, 6]);
    const told = err.split("\n").slice(3);
    expect(told.slice(0, 3)).toEqual([
      "pagetrail: breakpoint 1: call == mprotect",
      "pagetrail: breakpoint 2: vmas > 3",
      "pagetrail: breakpoint 3: call == munmap",
    ]);
  });

  test("every view is about this moment and this process", async () => {
    const { out, log } = await debugged(["goto 9", "p 101", "maps"]);
    const maps = (await pagetrail(["maps", log, "--at", "9", "--pid", "101"])).out;
    expect(out.endsWith(maps)).toBe(true);
    const why = await debugged(["goto 7", "why", "diff 4"]);
    expect(why.out).toContain("address is not page-aligned");
    expect(why.out).toContain("~ split into 3");
    const elsewhere = await debugged(["goto 9", "maps --at 3 --pid 100"]);
    expect(elsewhere.out).toContain((await pagetrail(["maps", log, "--at", "3", "--pid", "100"])).out);
    expect((await debugged(["goto 5", "changes", "goto 4", "changes"])).out).toContain("~ merged from 3");
  });

  test("checkpoints and bookmarks lead back", async () => {
    const { out, log } = await debugged([
      "goto 5",
      "checkpoint split",
      "c",
      "restart 1",
      "info checkpoints",
      "bookmark here .",
    ]);
    expect(stops(out)).toEqual([5, 12, 5]);
    expect(out).toContain("event 5 of 12 (line 3)  split\n");
    expect(stops((await debugged(["goto @here+1"], log)).out)).toEqual([6]);
    expect(stops((await debugged(["goto .+2", "goto -1"], log, ["--at", "@here"])).out)).toEqual([5, 7, 6]);
  });

  test("list shows what is around", async () => {
    const { out } = await debugged(["goto 7", "list"]);
    expect(out).toContain("=>      7      6     100 munmap(");
    expect(out.split("\n").filter((line) => line.startsWith("   "))).toHaveLength(11);
  });

  test("what cannot be done is said, with its line, and ends a batch", async () => {
    for (const [line, why] of [
      ["nonsense", "there is no 'nonsense': see help"],
      [
        "re",
        "it may be reverse-step or reverse-next or reverse-continue or reverse-search or restart or refs",
      ],
      ["step x", "'x' is no number of events: see help step"],
      ["goto 99", "the log has events 1 to 12 (99)"],
      ["break vmas >", "docs/EXPRESSIONS.md"],
      ["watch heap", "nothing of this name is mapped here"],
      ["restart 3", "there is no checkpoint '3'"],
      ["delete 3", "there is no breakpoint '3'"],
      ["process 7", "there is no process 7"],
      ["maps --nope", "unknown option '--nope'"],
      ["info x", "'x' is no thing to show"],
      ["help nope", "there is no 'nope'"],
    ] as const) {
      const { code, err } = await debugged(["s", line, "s"]);
      expect(err).toContain(why);
      expect(err).toContain("script.txt, line 2");
      expect(code).toBe(2);
    }
  });

  test("help tells every verb", async () => {
    const { out } = await debugged(["help", "help goto", "help maps"]);
    expect(out).toMatch(/^reverse-continue, rc +go back/m);
    expect(out).toContain("goto, g POS\n  go to a moment");
    expect(out).toContain("maps\n  print a process's /proc/PID/maps");
  });
});

const hasTmux = spawnSync("tmux", ["-V"], { stdio: "ignore" }).status === 0;

/** A debugger on a terminal of its own. */
class OnTerminal {
  readonly folder: string = mkdtempSync(join(tmpdir(), "pagetrail-debug-"));
  readonly #socket: string = join(this.folder, "tmux");

  start(log: string, ...words: readonly string[]): void {
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    const loader = import.meta.resolve("tsx");
    const node = `${process.execPath} --conditions=pagetrail-source --import ${loader} ${main}`;
    const command = `XDG_STATE_HOME=${this.folder} ${node} debug ${log} ${words.join(" ")}`;
    this.#tmux("new-session", "-d", "-s", "debug", "-x", "80", "-y", "24", command);
  }

  #tmux(...words: readonly string[]): string {
    return spawnSync("tmux", ["-S", this.#socket, "-f", "/dev/null", ...words], { encoding: "utf8" }).stdout;
  }

  get screen(): string {
    return this.#tmux("capture-pane", "-p", "-t", "debug");
  }

  resize(width: number, height: number): void {
    this.#tmux("resize-window", "-t", "debug", "-x", String(width), "-y", String(height));
  }

  /** One by one: what comes at once is taken for pasted, and pasted tabs complete nothing. */
  async keys(...words: readonly string[]): Promise<void> {
    for (const word of words) {
      this.#tmux("send-keys", "-t", "debug", word);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async until(wanted: RegExp): Promise<string> {
    for (let tries = 0; tries < 600; tries++) {
      const { screen } = this;
      if (wanted.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the screen never showed ${wanted}:\n${this.screen}`);
  }

  end(): void {
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const skipped = hasTmux ? "" : " (skipped: there is no tmux)";

describe.skipIf(!hasTmux)(`the debugger on a terminal${skipped}`, () => {
  let tty: OnTerminal;

  beforeEach(() => {
    tty = new OnTerminal();
  });
  afterEach(() => tty.end());

  test("prompts, completes, remembers, and stays where it is on Ctrl-C", async () => {
    tty.start(demoLogIn(tty.folder));
    await tty.until(/help tells the verbs\n\(0\)\s*$/);
    await tty.keys("s", "Enter");
    await tty.until(/\(1 demo:100\)\s*$/);
    await tty.keys("Enter");
    await tty.until(/\(2 demo:100\)\s*$/);
    await tty.keys("got", "Tab", "e", "Tab", "Enter");
    await tty.until(/goto end\s*\n.*\n\(12 demo:100\)\s*$/);
    await tty.keys("reverse-ste", "Tab", "3", "Enter");
    await tty.until(/\(9 demo:100\)\s*$/);
    // What was typed and not sent is left behind.
    await tty.keys("nonsense", "C-c");
    await tty.until(/nonsense\^C\s*\n\(9 demo:100\)\s*$/);
    await tty.keys("Up", "Enter");
    await tty.until(/\(6 demo:100\)\s*$/);
    await tty.keys("q", "Enter");
    await tty.until(/^\s*$/);
  }, 60_000);

  test("stops a search on Ctrl-C, where it was", async () => {
    tty.start(longLogIn(tty.folder));
    await tty.until(/\(0\)\s*$/);
    // Should the first come before the search has begun, the second does not: it takes most of a second.
    await tty.keys("search maps > 70000", "Enter", "C-c", "C-c");
    await tty.until(/interrupted; this is still the start/);
    await tty.keys("s", "Enter");
    await tty.until(/\(1 \w*:\d+\)\s*$/);
  }, 60_000);

  describe("full screen", () => {
    test("steps, scrubs, jumps and searches by keys, and leaves the terminal as it was", async () => {
      tty.start(demoLogIn(tty.folder), "--screen");
      const first = await tty.until(/^── address space ─+\nno process has an address space here/m);
      expect(first).toMatch(/^\S+demo\.ptlog +the start, before the first of 12 events/);
      await tty.keys("s", "Right", "Right");
      await tty.until(/event 3 of 12.*demo:100/);
      await tty.keys("End", "r");
      await tty.until(/event 11 of 12/);
      await tty.keys("Home", "}", "]", "[");
      await tty.until(/event 1 of 12/);
      await tty.keys("g", "4", "Enter", "s");
      const split = await tty.until(/event 5 of 12/);
      expect(split).toMatch(/^ +5 +3 +100 mprotect\(/m);
      expect(split).toMatch(/^ {2}mprotect_fixup$/m);
      expect(split).toMatch(/^~ split into 3$/m);
      await tty.keys("/", "call == munmap", "Enter");
      await tty.until(/event 6 of 12/);
      await tty.keys("/", "nonsense", "Enter");
      await tty.until(/\n.*nonsense.*\ns step/);
      await tty.keys("?", "call == mmap", "Enter");
      await tty.until(/event 4 of 12/);
      await tty.keys(":", "bla", "Tab", "Enter");
      await tty.until(/^── blame \(Esc takes it away\).*\nRANGE +PERM/m);
      await tty.keys("Escape");
      await tty.until(/── changes since the last stop/);
      await tty.keys("h");
      await tty.until(/^── keys[\s\S]*\nCtrl-C +stop a search/m);
      await tty.keys("q", "q");
      await tty.until(/^\s*$/);
    }, 60_000);

    test("follows the terminal's size", async () => {
      tty.start(demoLogIn(tty.folder), "--screen", "--at", "5");
      await tty.until(/^── changes since the last stop/m);
      tty.resize(140, 40);
      const wide = await tty.until(/^── address space ─+ ── event ─+$/m);
      expect(wide.trimEnd().split("\n")).toHaveLength(40);
      tty.resize(60, 20);
      await tty.until(/^needs 80 by 24, has 60 by 20/);
      tty.resize(80, 24);
      await tty.until(/^── event .*─\n +5 /m);
    }, 60_000);

    test("stops a search on Ctrl-C, where it was", async () => {
      tty.start(longLogIn(tty.folder), "--screen");
      await tty.until(/^── address space/m);
      await tty.keys("/", "maps > 70000", "Enter", "C-c", "C-c");
      await tty.until(/interrupted; this is still the start/);
      await tty.keys("s");
      await tty.until(/event 1 of 80/);
    }, 60_000);
  });
});

test("the full screen says that it needs a terminal, and that a batch has none", async () => {
  const log = demoLog();
  expect(await pagetrail(["debug", log, "--screen"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("--screen needs a terminal: leave --screen out"),
  });
  expect((await pagetrail(["debug", log, "--screen", "--batch"])).err).toContain("exclude one another");
});

/** A log of 80,092 events, in which a search takes seconds. */
function longLogIn(folder: string): string {
  const packed = fileURLToPath(new URL("../../../../examples/logs/thumbnails.ptlog.gz", import.meta.url));
  const path = join(folder, "long.ptlog");
  writeFileSync(path, gunzipSync(readFileSync(packed)));
  return path;
}

const demoLogIn = (folder: string): string => {
  const path = join(folder, "demo.ptlog");
  demo().write(path);
  return path;
};
