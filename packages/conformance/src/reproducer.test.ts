import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Event, type Profile, REFERENCE_PROFILE } from "@pagetrail/core";
import { readScenario, runScenario } from "@pagetrail/import";
import { afterAll, describe, expect, test } from "vitest";
import { BUILD, whyNoLiveKernel } from "./live-kernel.ts";
import { reproducerProgram } from "./reproducer.ts";

const EXAMPLES = new URL("../../../examples/scenarios/", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "pagetrail-reproducer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function eventsOf(text: string): { readonly profile: Profile; readonly events: readonly Event[] } {
  const scenario = readScenario(text);
  if (!scenario.ok) throw new Error(scenario.error.what);
  const events: Event[] = [];
  for (const _ of runScenario(scenario.value, { start: () => undefined, event: (one) => events.push(one) }));
  return { profile: scenario.value.profile, events };
}

/** What the program prints: a line for each call, then the address space of the last to act. */
function ran(name: string, source: string): string {
  const file = join(folder, `${name}.c`);
  writeFileSync(file, source);
  const program = join(folder, name);
  const { stderr } = spawnSync("gcc", [...BUILD, "-o", program, file], { encoding: "utf8" });
  expect(stderr).toBe("");
  const { stdout, status } = spawnSync(program, { encoding: "utf8", cwd: folder, timeout: 60_000 });
  expect(status).toBe(0);
  return stdout;
}

/** What the language of scenarios can say and a program cannot ask for. */
const BEYOND: Readonly<Record<string, string>> = {
  "core-dump": "coredump",
  "file-end": "a file whose length changes",
  "kernel-thread-borrows": "a kthread, for which no program can ask",
  "kthread-park": "a kthread, for which no program can ask",
  oom: "a oom_kill, for which no program can ask",
  threads: "a thread's exit",
  "tlb-asids": "a switch, for which no program can ask",
  "tlb-lazy": "a kthread, for which no program can ask",
  "tlb-shootdown": "a switch, for which no program can ask",
  vfork: "an exec among other calls",
  "use-mm": "a kthread, for which no program can ask",
};

describe.skipIf(whyNoLiveKernel() !== undefined)("a C program made of events", () => {
  const names = readdirSync(EXAMPLES).map((name) => name.replace(/\.scenario$/, ""));

  test.each(names.filter((name) => !name.endsWith(".md")))("compiles, runs and ends: %s", (name) => {
    const { profile, events } = eventsOf(readFileSync(new URL(`${name}.scenario`, EXAMPLES), "utf8"));
    const program = reproducerProgram(profile, events, [name]);
    if (!program.ok) expect({ name, why: program.error }).toEqual({ name, why: BEYOND[name] });
    else ran(name, program.value);
  });

  test("gets what the model says, of several processes that take turns", () => {
    const { profile, events } = eventsOf(`process A
A: mmap p 16K rw private anon at 0x10000000
A: fork B
B: mprotect p+4K 4K r
B: munmap p 4K
A: mprotect p 8K none
B: munmap p+1 4K            -> EINVAL
A: vfork C
C: munmap p+12K 4K
C: exit_group 0
A: mremap p+8K 4K to 8K maymove fixed at 0x20000000 as q
B: write p+4K               -> SIGSEGV ACCERR
B: write p+8K               -> 1 fault
A: mprotect q 4K r`);
    const program = reproducerProgram(profile, events, ["turns"]);
    if (!program.ok) throw new Error(program.error);
    const lines = ran("turns", program.value).split("\n");
    const results = lines.filter((line) => line.includes("  ")).map((line) => line.replace(/^.* {2}/, ""));
    const signal = (-(0x10000 + (11 << 8) + 2) >>> 0).toString(16);
    expect(results.slice(0, 10)).toEqual([
      ...["10000000", "0", "0", "0", "ffffffffffffffea", "0", "20000000"],
      ...[`ffffffff${signal}`, "1", "0"],
    ]);
    const maps = lines
      .filter((line) => /^[12]0000?[0-9a-f]*000-/.test(line))
      .map((line) => line.slice(0, 22));
    expect(maps).toEqual(["10000000-10002000 ---p", "20000000-20001000 r--p", "20001000-20002000 rw-p"]);
  });

  test("is refused for what no program can ask for, with the reason", () => {
    const event = (request: Event["request"]): Event => ({
      seq: 1,
      tid: 7 as never,
      request,
      outcome: { ret: 0 },
    });
    const refusal = (...requests: Event["request"][]) =>
      reproducerProgram(REFERENCE_PROFILE, requests.map(event), []);
    const adopt = { call: "adopt", comm: "t", tgid: 7 as never } as const;
    expect(refusal({ call: "munlockall" })).toEqual({ ok: false, error: "task 7, which nothing makes" });
    const beyond = { call: "access", addr: 4096, kind: "exec" } as const;
    expect(refusal(adopt, beyond)).toEqual({ ok: false, error: "running an instruction" });
  });
});
