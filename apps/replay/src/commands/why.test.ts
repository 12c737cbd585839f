import { describe, expect, test } from "vitest";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

describe("why", () => {
  test("shows the way of an event, and what it changed", async () => {
    const { code, out } = await pagetrail(["why", demoLog(), "5"]);
    expect(code).toBe(0);
    expect(out).toContain("event 5 of 12 (line 3), by 100 (demo)\nmprotect(0x7ffff7ff9000, 4096, r--) = 0\n");
    expect(out).toContain(
      "  mprotect_fixup\n    ok  the access of [0x7ffff7ff9000, 0x7ffff7ffa000) may change\n",
    );
    expect(out).toContain(
      "[0x7ffff7ff9000, 0x7ffff7ffa000) is cut out of [0x7ffff7ff8000, 0x7ffff7ffb000)\n",
    );
    expect(out).toContain("~ split into 3\n");
  });

  test("ends with what refused a call, and says that nothing changed", async () => {
    const { out } = await pagetrail(["why", demoLog(), "7"]);
    expect(out).toMatch(/^ {2}__vm_munmap\n {4}=> {2}address is not page-aligned\n\nnothing changed\n$/m);
  });

  test("says both answers where model and recording differ", async () => {
    const { out } = await pagetrail(["why", demoLog(), "line:9"]);
    expect(out).toContain("the model answers 0x7ffff7ff0000, the recording 0x10000000: the state follows it");
    expect(out).toContain("+ 10000000-10008000 rw-p");
  });

  test("tells of counts, and of a process that is gone", async () => {
    const log = demoLog();
    expect((await pagetrail(["why", log, "3"])).out).toContain(
      "~ counters: total_vm 0 to 4, data_vm 0 to 4\n~ machine: committed 0 to 4\n",
    );
    const exit = await pagetrail(["why", log, "11"]);
    expect(exit.out).toContain("  exit_mmap\n        the last user has gone: 5 mappings go\n");
    expect(exit.out).toContain("- 7ffff7ff6000-7ffff7ff8000 rw-p");
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["why", demoLog(), "7", "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      event: 7,
      line: 6,
      call: "munmap",
      outcome: "-EINVAL",
      predicted: "-EINVAL",
      agrees: true,
      path: [
        { kind: "function", text: "__vm_munmap" },
        { kind: "refusal", text: "address is not page-aligned" },
      ],
      changes: [],
    });
  });

  test("asks for an event where there is none", async () => {
    const { code, err } = await pagetrail(["why", demoLog(), "start"]);
    expect(code).toBe(2);
    expect(err).toContain("no event led to the start");
    expect(err).toContain("name one of the events 1 to 12");
    expect((await pagetrail(["why", demoLog(), "99"])).code).toBe(2);
  });
});
