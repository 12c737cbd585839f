import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSteps, MAP, type Pid, PROT, smaps } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

const lines = (out: string): readonly string[] => out.trimEnd().split("\n");

describe("diff of two moments", () => {
  test("tells of the whole machine where no process is named", async () => {
    const log = demoLog();
    const { code, out } = await pagetrail(["diff", log, "7", "8"]);
    expect(code).toBe(1);
    expect(lines(out)).toContain("process 101 (demo):");
    expect(lines(out)).toContain("+ task 101 (demo)");
    expect(out).toMatch(/^\+ mm 2, one of its users: task 101, since event 8$/m);
    const named = await pagetrail(["diff", log, "7", "8", "--pid", "100"]);
    expect(named).toMatchObject({ code: 0, out: "" });
  });

  test("says the same as JSON", async () => {
    const { out } = await pagetrail(["diff", demoLog(), "7", "8", "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      before: { event: 7 },
      after: { event: 8 },
      changes: [],
      counters: {},
      machine: {
        spaces: [{ name: "process 101 (demo)", kind: "created", mm: 2 }],
        tasks: [{ kind: "created", key: 101, after: { comm: "demo", parent: 100 } }],
        refs: [{ kind: "created" }, { kind: "created" }],
        counters: { committed: [3, 6] },
      },
    });
  });

  test("prints the steps, which can be read back, and says which are only shown", async () => {
    const { code, out } = await pagetrail(["diff", demoLog(), "4", "9", "--steps"]);
    const json = JSON.parse(out);
    expect(code).toBe(1);
    expect(json).toMatchObject({ schema: 1, before: 4, after: 9, shown: [] });
    const steps = decodeSteps(json.steps);
    expect(steps.ok && steps.value.map(({ kind }) => kind)).toContain("vma");
    expect(await pagetrail(["diff", demoLog(), "4", "4", "--steps"])).toMatchObject({ code: 0 });
  });

  test("tells a file that was renamed", async () => {
    const r = demo();
    r.call(100, { call: "unlink", path: "/lib/libdemo.so" });
    const { out } = await pagetrail(["diff", demoLog(r), "12", "13"]);
    expect(lines(out)[0]).toBe("~ renamed");
    expect(out).toMatch(/\+ .*\/lib\/libdemo\.so \(deleted\)$/m);
  });
});

/** A process whose mappings begin at another place, as under randomisation. */
function elsewhere(base: number, more = 0): Recorder {
  const r = new Recorder();
  const maps = { prot: PROT.READ, flags: MAP.PRIVATE | MAP.FIXED, offset: 0, file: 1 } as const;
  r.call(100, { call: "adopt", comm: "demo", tgid: 100 as Pid });
  const file = { id: 1, path: "/lib/a.so", kind: "disk", readable: true, writable: true, deleted: false };
  r.call(100, { call: "file", file: file as never });
  r.call(100, { call: "mmap", addr: base - 0x3000, length: 0x3000, ...maps });
  r.call(100, anonymous((4 + more) * 4096, { addr: base - 0x10000, flags: 0x32 }));
  r.call(100, { call: "layout", mmapBase: (base / 4096) as never, brk: 0 });
  return r;
}

describe("diff of two logs", () => {
  test("finds two runs the same once random places are taken out", async () => {
    const [a, b] = [0x7f0000400000, 0x7f9000800000].map((base) => demoLog(elsewhere(base)));
    const plain = await pagetrail(["diff", a as string, b as string]);
    expect(plain.code).toBe(1);
    expect(plain.err).toContain("with --normalize");
    const { code, err } = await pagetrail(["diff", a as string, b as string, "--normalize"]);
    expect(code).toBe(0);
    expect(err).toContain("no difference but for random places");
  });

  test("and what is left shows with its place in its region", async () => {
    const [a, b] = [demoLog(elsewhere(0x7f0000400000)), demoLog(elsewhere(0x7f9000800000, 1))];
    const { code, out } = await pagetrail(["diff", a, b, "--normalize"]);
    expect(code).toBe(1);
    expect(lines(out).slice(1)).toEqual([
      "~ grown by 4 KB at its end",
      "    - mmap-0x10000 (16 KB) rw-p 00000000 00:00 0",
      "    + mmap-0x10000 (20 KB) rw-p 00000000 00:00 0",
    ]);
    const json = await pagetrail(["diff", a, b, "--normalize", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({
      normalize: true,
      processes: [{ changes: [{ kind: "grown", before: [{ place: "mmap-0x10000", kb: 16 }] }] }],
    });
  });
});

const MAPS = `555555554000-555555556000 r--p 00000000 fe:00 7                          /bin/demo
555555556000-555555557000 rw-p 00002000 fe:00 7                          /bin/demo
555555557000-555555578000 rw-p 00000000 00:00 0                          [heap]
7ffff7f00000-7ffff7f02000 rw-p 00000000 00:00 0
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`;

function texts(a: string, b: string): readonly string[] {
  const folder = testFolder();
  return [a, b].map((text, i) => {
    const path = join(folder, `${i}.maps`);
    writeFileSync(path, text);
    return path;
  });
}

describe("diff of two texts of /proc/PID/maps", () => {
  test("tells what became of each mapping", async () => {
    const later = MAPS.replace("555555578000 rw-p", "555555599000 rw-p")
      .replace("7ffff7f02000 rw-p", "7ffff7f02000 r--p")
      .replaceAll("/bin/demo", "/bin/demo (deleted)");
    const { code, out } = await pagetrail(["diff", ...texts(MAPS, later)]);
    expect(code).toBe(1);
    expect(lines(out).filter((line) => line.startsWith("~"))).toEqual([
      "~ grown by 132 KB at its end",
      "~ protected: rw-p to r--p",
      "~ renamed",
      "~ renamed",
    ]);
    expect(await pagetrail(["diff", ...texts(MAPS, MAPS)])).toMatchObject({ code: 0, out: "" });
  });

  test("tells of smaps the sizes too, and as JSON", async () => {
    const r = demo();
    const mm = r.state.mms.values().next().value;
    const text = smaps(r.state, mm as never);
    const [a, b] = texts(text, text.replace("Size:                 32 kB", "Size:                 40 kB"));
    const { out, code } = await pagetrail(["diff", a as string, b as string, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      changes: [],
      sizes: [{ start: "0x10000000", kb: { Size: [32, 40] } }],
    });
  });

  test("refuses what is no such text, with file and line", async () => {
    const broken = texts(MAPS, MAPS.replace("rw-p 00000000 00:00 0\n7fffff", "rw-p what\n7fffff"));
    const { code, err } = await pagetrail(["diff", ...broken]);
    expect(code).toBe(2);
    expect(err).toContain("is no line of maps or smaps");
    expect(err).toContain("1.maps, line 4");
    const log = demoLog();
    const mixed = await pagetrail(["diff", broken[0] as string, log]);
    expect(mixed).toMatchObject({ code: 2, err: expect.stringContaining("no text of /proc/PID/maps") });
    expect(readFileSync(log, "utf8")).toContain('{"pagetrail":');
  });

  test("refuses a file that is not there, and a folder, in whichever place", async () => {
    const [here] = texts(MAPS, MAPS) as [string];
    for (const [wrong, why] of [
      [join(testFolder(), "none"), "there is no such file"],
      [testFolder(), "this is a directory"],
    ] as const)
      for (const asked of [
        [wrong, here],
        [here, wrong],
      ])
        expect(await pagetrail(["diff", ...asked])).toMatchObject({
          code: 2,
          err: expect.stringContaining(why),
        });
  });

  test("of this very process is none between two readings, but for what reading them takes", async () => {
    const text = readFileSync("/proc/self/maps", "utf8");
    expect(await pagetrail(["diff", ...texts(text, text)])).toMatchObject({ code: 0, out: "" });
    expect(await pagetrail(["diff", ...texts(text, text), "--normalize"])).toMatchObject({ code: 0 });
  });
});
