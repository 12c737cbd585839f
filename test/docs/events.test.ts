import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Call, decodeEvent, encodeEvent } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { root } from "./pages.ts";

/** Every kind of request: one that is new, or gone, does not compile until it is here too. */
const CALLS: Readonly<Record<Call, true>> = {
  mmap: true,
  munmap: true,
  mprotect: true,
  mremap: true,
  pkey_mprotect: true,
  process_madvise: true,
  process_mrelease: true,
  mbind: true,
  io_setup: true,
  io_destroy: true,
  remap_file_pages: true,
  brk: true,
  madvise: true,
  mlock: true,
  munlock: true,
  mlockall: true,
  munlockall: true,
  msync: true,
  mincore: true,
  mseal: true,
  shmat: true,
  shmdt: true,
  prctl: true,
  clone: true,
  execve: true,
  exit: true,
  exit_group: true,
  personality: true,
  setrlimit: true,
  vmalloc: true,
  vfree: true,
  vmap: true,
  vunmap: true,
  kmap_atomic: true,
  kunmap_atomic: true,
  kmap: true,
  kunmap: true,
  kmap_local: true,
  kunmap_local: true,
  switch: true,
  finish_task_switch: true,
  wake: true,
  migrate: true,
  cpu_online: true,
  cpu_offline: true,
  kthread: true,
  kthread_stop: true,
  kthread_park: true,
  kthread_unpark: true,
  oom_kill: true,
  oom_reap: true,
  coredump: true,
  use_mm: true,
  unuse_mm: true,
  hold: true,
  release: true,
  adopt: true,
  loaded: true,
  autoreap: true,
  reveal: true,
  layout: true,
  file: true,
  access: true,
  cached: true,
  reap: true,
  kill: true,
  abandon: true,
  shmget: true,
  shmrm: true,
  unlink: true,
  rename: true,
  given: true,
};

const page = readFileSync(join(root, "docs/FORMATS.md"), "utf8");
const section = page.slice(page.indexOf("\n## Events\n"), page.indexOf("\n## Versions\n"));
const examples = [...section.matchAll(/^\{"seq".*\}$/gm)].map(([line]) => line);

describe("the events in docs/FORMATS.md", () => {
  test("have a row and an example for every call", () => {
    const shown = examples.map((line) => JSON.parse(line).call as string);
    for (const call of Object.keys(CALLS)) {
      expect.soft(shown).toContain(call);
      expect.soft(section).toMatch(new RegExp(`^\\| \`${call}\` +\\|`, "m"));
    }
  });

  test.each(examples)("%s is read, and written again as it stands", (line) => {
    const decoded = decodeEvent(JSON.parse(line));
    expect(decoded).toMatchObject({ ok: true });
    if (decoded.ok) expect(JSON.stringify(encodeEvent(decoded.value))).toBe(line);
  });

  test("name in each row every member that the examples have", () => {
    const envelope = new Set(
      "seq tid call ret errno gone model ran wrote as line time stack assumed".split(" "),
    );
    for (const line of examples) {
      const event = JSON.parse(line) as Readonly<Record<string, unknown>>;
      const [row = ""] = new RegExp(`^\\| \`${event.call}\` +\\|.*$`, "m").exec(section) ?? [];
      const members = Object.keys(event).filter((name) => !envelope.has(name));
      for (const name of members) expect.soft(row, line).toContain(`\`${name}\``);
    }
  });
});
