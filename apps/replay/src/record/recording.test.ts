import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, platform, release, tmpdir } from "node:os";
import { join } from "node:path";
import { advanceState, type Event, initialState, maps, mmOf, type Profile } from "@pagetrail/core";
import { type ImportSummary, StraceImporter } from "@pagetrail/import";
import { afterAll, describe, expect, test } from "vitest";
import { MachineFiles } from "../system-files.ts";
import { recordLastMaps } from "../testing/last-maps.ts";

const folder = mkdtempSync(join(tmpdir(), "pagetrail-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isHere = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

function whyNot(): string | undefined {
  if (platform() !== "linux" || arch() !== "x64") return "this is not Linux on x86-64";
  if (!release().startsWith("6.18.")) return `the model is of Linux 6.18, this is ${release()}`;
  return isHere("strace") ? undefined : "there is no strace";
}

const THREADS = `
import mmap, threading
def work(n):
    kept = [bytearray(10000 * (n + 1)) for _ in range(100)]
    mmap.mmap(-1, 1 << 20)[0] = 1
threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
for t in threads: t.start()
for t in threads: t.join()
`;
const LOOPS = `
const kept = [];
for (let i = 0; i < 500; i++) kept.push(Buffer.alloc(10_000, i));
require("node:zlib").gzipSync(Buffer.concat(kept));
`;
const TABLE = `
pragma mmap_size = 100000000;
create table t(a, b);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into t select i, 'row ' || i from n;
select count(*) from t where b like '%7%';
`;
const PIPES = `for i in 1 2 3; do (echo $i; ls / | grep b) | wc -l; done; x=$(cat /etc/passwd | cut -d: -f1 | sort)`;

const source = Array.from({ length: 100 }, (_, i) => `int f${i}(int x) { return x * ${i} + 1; }`).join("\n");

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What is run, and the program that it needs. */
const PROGRAMS: readonly (readonly [string, string, () => readonly string[]])[] = [
  ["a C compiler", "gcc", () => ["gcc", "-O1", "-c", file("f.c", source), "-o", join(folder, "f.o")]],
  ["Python with threads", "/usr/bin/python3", () => ["/usr/bin/python3", file("threads.py", THREADS)]],
  ["node", "node", () => [process.execPath, file("loops.cjs", LOOPS)]],
  ["sqlite", "sqlite3", () => ["sqlite3", join(folder, "t.db"), TABLE]],
  ["a shell with pipelines", "bash", () => ["bash", "-c", PIPES]],
];

interface Recorded {
  readonly summary: ImportSummary;
  /** By process: its maps in the model before the event that ends it. */
  readonly model: ReadonlyMap<number, string>;
  readonly kernel: ReadonlyMap<number, string>;
}

async function record(command: readonly string[], name: string): Promise<Recorded> {
  const trace = join(folder, `${name}.strace`);
  const kernel = await recordLastMaps(["setarch", "-R", ...command], trace, folder);
  let profile: Profile | undefined;
  const events: Event[] = [];
  const importer = new StraceImporter({
    system: new MachineFiles(),
    cwd: folder,
    sink: {
      start: (given) => {
        profile = given;
      },
      event: (event) => events.push(event),
    },
  });
  importer.push(readFileSync(trace, "latin1"));
  const summary = importer.end();
  if (!profile) throw new Error("the trace is empty");
  return { summary, model: lastMaps(profile, events), kernel };
}

function lastMaps(profile: Profile, events: readonly Event[]): ReadonlyMap<number, string> {
  const last = new Map<number, string>();
  let state = initialState(profile);
  for (const event of events) {
    const mm = mmOf(state, event.tid);
    const pid = state.tasks.get(event.tid)?.tgid;
    if (mm && pid !== undefined && event.request.call === "exit_group") last.set(pid, maps(state, mm));
    state = advanceState(state, event).state;
  }
  return last;
}

/** No trace shows where the stack begins, nor device and inode of a program and of unnamed shared memory. */
const comparable = (text = ""): readonly string[] =>
  text
    .split("\n")
    .map((line) => (line.endsWith(" [stack]") ? line.replace(/^[0-9a-f]+/, "") : line))
    .map((line) => line.replace(/ [0-9a-f]+:[0-9a-f]+ \d+ +/, " "));

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `a run that is recorded in the fast form${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    for (const [what, needs, command] of PROGRAMS) {
      const missing = reason === undefined && !isHere(needs);
      test.skipIf(missing)(
        `of ${what} ends with the maps that the kernel has${missing ? ` (skipped: there is no ${needs})` : ""}`,
        async () => {
          const { summary, model, kernel } = await record(command(), what.replaceAll(" ", "-"));
          expect(summary.predicted).toBe(summary.decided);
          expect(kernel.size).toBeGreaterThan(0);
          for (const [pid, text] of kernel)
            expect({ pid, maps: comparable(model.get(pid)) }).toEqual({ pid, maps: comparable(text) });
        },
      );
    }
  },
);
