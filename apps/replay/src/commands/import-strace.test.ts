import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { RELEASES } from "@pagetrail/core";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { BUNDLED } from "../bundled.ts";
import { KERNELS } from "../cli/options.ts";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

const TRACE = `4242 brk(NULL)                         = 0x555555694000
4242 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000
4242 munmap(0x7ffff7fc0000, 4096)      = 0
4242 munmap(0x7ffff7fc0001, 4096)      = -1 EINVAL (Invalid argument)
4242 +++ exited with 0 +++
`;

function file(name: string, content: string | Uint8Array, folder = testFolder()): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Imports into a log of a folder of its own, and prints its maps at a position. */
async function mapsOf(traces: readonly string[], at: string): Promise<string> {
  const log = join(testFolder(), "t.ptlog");
  const imported = await pagetrail(["import", "strace", ...traces, "-o", log]);
  expect(imported).toMatchObject({ code: 0 });
  return (await pagetrail(["maps", log, "--at", at])).out;
}

describe("import strace", () => {
  test("writes a log that replays and verifies, and says how much was predicted", async () => {
    const log = join(testFolder(), "t.ptlog");
    const { code, out, err } = await pagetrail(["import", "strace", file("t.txt", TRACE), "-o", log]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(
      /t\.ptlog: \d+ events of 1 process from 5 lines\npredicted \d of \d decided calls right/,
    );
    expect((await pagetrail(["replay", log])).code).toBe(0);
    expect((await pagetrail(["verify", log])).code).toBe(0);
    expect((await pagetrail(["maps", log, "--at", "line:3"])).out).toContain(
      "7ffff7fc1000-7ffff7fc2000 rw-p",
    );
  });

  test.each([
    ["cut in mid-line", TRACE.slice(0, TRACE.indexOf("munmap") + 12), "in the middle of a line"],
    ["with lines in the wrong order", TRACE.split("\n").reverse().join("\n").trim(), "in the wrong order"],
  ])(
    "of a trace %s the log has what makes sense, and the exit code says that there was more",
    async (_, text, said) => {
      const log = join(testFolder(), "t.ptlog");
      const { code, err } = await pagetrail(["import", "strace", file("t.txt", text), "-o", log]);
      expect(code).toBe(2);
      expect(err).toContain(said);
      expect((await pagetrail(["replay", log])).code).toBe(0);
    },
  );

  test("takes the rules of the release that --kernel names, and the log says which", async () => {
    const log = join(testFolder(), "t.ptlog");
    const rules = async (): Promise<string> => (await pagetrail(["info", log])).out;
    const trace = file("t.txt", TRACE);
    expect((await pagetrail(["import", "strace", trace, "-o", log, "--kernel", "5.4"])).code).toBe(0);
    expect(await rules()).toContain("the rules of Linux 5.4");
    expect((await pagetrail(["verify", log])).code).toBe(0);
    expect((await pagetrail(["import", "strace", trace, "-o", log])).code).toBe(0);
    expect(await rules()).toContain("the rules of Linux 6.18");
  });

  test("knows the releases that the model knows, and says so when another is named", async () => {
    expect(KERNELS).toEqual(Object.keys(RELEASES));
    const { code, err } = await pagetrail(["import", "strace", file("t.txt", TRACE), "--kernel", "4.4"]);
    expect(code).toBe(2);
    expect(err).toContain("5.4, 6.1, 6.18");
  });

  test("tells the same as JSON, with outcomes as text", async () => {
    const { out } = await pagetrail([
      "import",
      "strace",
      file("t.txt", TRACE),
      "-o",
      join(testFolder(), "t.ptlog"),
      "--json",
    ]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, lines: 5, processes: 1, unreadable: { count: 0 } });
  });

  test("exits with 0 where the model would have answered otherwise, and shows both answers", async () => {
    const odd = TRACE.replace("= -1 EINVAL (Invalid argument)", "= 0");
    const { code, out } = await pagetrail([
      "import",
      "strace",
      file("t.txt", odd),
      "-o",
      join(testFolder(), "t.ptlog"),
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/^\d divergences?:$/m);
    expect(out).toContain("\n  line 4: munmap: recorded 0, predicted -EINVAL\n");
  });

  test("counts lines that it cannot read and shows the first", async () => {
    const torn = `${TRACE}4242 mmap(NULL, 81\u0001é\n`;
    const { out } = await pagetrail([
      "import",
      "strace",
      file("t.txt", torn),
      "-o",
      join(testFolder(), "t.ptlog"),
    ]);
    expect(out).toMatch(/1 unreadable line:\n {2}line 6: .*: "4242 mmap\(NULL, 81\\u0001\?\?"/);
  });

  test("reads what gzip packed", async () => {
    expect(await mapsOf([file("t.txt.gz", gzipSync(TRACE))], "line:3")).toBe(
      await mapsOf([file("t.txt", TRACE)], "line:3"),
    );
  });

  test("takes the thread of a single -ff file from its name", async () => {
    const path = file("t.4242", TRACE.replaceAll("4242 ", ""));
    expect(await mapsOf([path], "line:3")).toBe(await mapsOf([file("t.txt", TRACE)], "line:3"));
  });

  test("merges the files of -ff by their times", async () => {
    const folder = testFolder();
    const parent = [
      "1700000000.000001 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000",
      "1700000000.000002 fork() = 4243",
      "1700000000.000005 munmap(0x7ffff7fc0000, 8192) = 0",
    ];
    const child = ["1700000000.000003 munmap(0x7ffff7fc0000, 4096) = 0"];
    const log = join(folder, "t.ptlog");
    const paths = [
      file("t.4243", `${child.join("\n")}\n`, folder),
      file("t.4242", `${parent.join("\n")}\n`, folder),
    ];
    const { code, err } = await pagetrail(["import", "strace", ...paths, "-o", log]);
    expect([code, err]).toEqual([0, ""]);
    const { out } = await pagetrail(["events", log]);
    const calls = [...out.matchAll(/ (424[23]) (mmap|fork|munmap)\(/g)].map(
      ([, tid, call]) => `${tid} ${call}`,
    );
    expect(calls).toEqual(["4242 mmap", "4242 fork", "4243 munmap", "4242 munmap"]);
  });

  test("takes files of -ff without times one after the other, with a warning", async () => {
    const folder = testFolder();
    const paths = [
      file("t.4242", "brk(NULL) = 0x1000000\n", folder),
      file("t.4243", "brk(NULL) = 0x2000000\n", folder),
    ];
    const { code, err } = await pagetrail(["import", "strace", ...paths, "-o", join(folder, "t.ptlog")]);
    expect(code).toBe(0);
    expect(err).toMatch(/^pagetrail: the recordings have no times and are taken one after the other/);
  });

  test("makes a log of the same name anew, and overwrites nothing else", async () => {
    const trace = file("t.txt", TRACE);
    const log = demoLog();
    expect((await pagetrail(["import", "strace", trace, "-o", log])).code).toBe(0);
    expect((await pagetrail(["info", log])).out).toContain("format strace");
    const other = file("notes.txt", "mine\n");
    const { code, err } = await pagetrail(["import", "strace", trace, "-o", other]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^pagetrail: there is a file of this name already, and it is not a Pagetrail log \(.*notes\.txt\)/,
    );
    expect(readFileSync(other, "utf8")).toBe("mine\n");
    expect((await pagetrail(["import", "strace", trace, "-o", trace])).code).toBe(2);
  });

  const refusals: readonly (readonly [string, () => string[], string])[] = [
    ["an empty file", () => [file("e.txt", "")], "this is not the output of strace: it is empty (PATH)"],
    [
      "a binary file",
      () => [
        file(
          "b",
          Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 256),
        ),
      ],
      "this is not the output of strace",
    ],
    ["a folder", () => [testFolder()], "this is a directory (PATH): name a file"],
    ["a missing file", () => [join(testFolder(), "no.txt")], "there is no such file (PATH): check the name"],
    [
      "a cut archive",
      () => [file("c.txt.gz", gzipSync(TRACE.repeat(9)).subarray(0, 60))],
      "its gzip data is cut off or damaged (PATH)",
    ],
    [
      "several files that are not of -ff",
      () => [file("a.txt", TRACE), file("b.txt", TRACE)],
      "each is to be of one thread",
    ],
    ["a log", () => [demoLog()], "this is not the output of strace"],
  ];

  test.each(refusals)("refuses %s in one line, and leaves nothing behind", async (_, make, words) => {
    const folder = testFolder();
    const paths = make();
    const { code, out, err } = await pagetrail(["import", "strace", ...paths, "-o", join(folder, "t.ptlog")]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^pagetrail: [^\n]+: [^\n]+\n$/);
    expect(err.replaceAll(paths[0] ?? "", "PATH")).toContain(words);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["-", "-o - names no file"],
    ["none/t.ptlog", "there is no such folder"],
  ])("does not write to %s: %s", async (name) => {
    const output = name === "-" ? name : join(testFolder(), name);
    expect((await pagetrail(["import", "strace", file("t.txt", TRACE), "-o", output])).code).toBe(2);
    expect(existsSync(output)).toBe(false);
  });

  test("stops on Ctrl-C with 130, and leaves nothing behind", async () => {
    const folder = testFolder();
    const lines = Array.from(
      { length: 40_000 },
      (_, i) => `7 madvise(0x${(i + 1).toString(16)}000, 4096, MADV_NORMAL) = 0\n`,
    );
    const trace = file("long.txt", lines.join(""));
    const argv = ["import", "strace", trace, "-o", join(folder, "t.ptlog")];
    expect(await pagetrail(argv, { interrupted: AbortSignal.abort() })).toMatchObject({ code: 130, out: "" });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("finds the bundled recording's programs in its sysroot", async () => {
    const log = join(testFolder(), "bundled.ptlog");
    const { out } = await pagetrail([
      "import",
      "strace",
      BUNDLED.trace,
      "--sysroot",
      BUNDLED.sysroot,
      "-o",
      log,
    ]);
    expect(out).toContain("of 8 processes from 1,834 lines");
    expect(out).not.toContain("guessed");
  });

  test("refuses a sysroot that is no folder", async () => {
    const { code, err } = await pagetrail([
      "import",
      "strace",
      file("t.txt", TRACE),
      "--sysroot",
      "/no/such",
      "-o",
      "x.ptlog",
    ]);
    expect(code).toBe(2);
    expect(err).toBe("pagetrail: there is no such folder (/no/such): name one with --sysroot DIR\n");
  });
});
