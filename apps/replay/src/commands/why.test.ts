import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
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

  describe("of a fault that killed", () => {
    const trace = [
      '7 execve("/none", ["none"], []) = 0',
      "7 mmap(0x10000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x10000",
      "7 munmap(0x10000, 4096) = 0",
      "7 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10123} ---",
      " > /none(look_up+0x34) [0x1284]",
      "7 +++ killed by SIGSEGV +++",
    ];

    const why = async (lines: readonly string[], ...words: readonly string[]): Promise<string> => {
      const folder = testFolder();
      const [text, log] = [join(folder, "t.txt"), join(folder, "t.ptlog")];
      writeFileSync(text, `${lines.join("\n")}\n`);
      await pagetrail(["import", "strace", text, "-o", log]);
      return (await pagetrail(["why", log, "end", ...words])).out;
    };

    test("says what was there, and what took it away", async () => {
      const out = await why(trace);
      expect(out).toContain(
        "kill(SIGSEGV, SEGV_MAPERR, 0x10123) = ? (SIGSEGV)\n    at look_up+0x34 (/none)\n",
      );
      expect(out).toContain("no mapping contains 0x10123: the next one above is [0x11000, 0x12000)\n");
      expect(out).toMatch(/^what was mapped there went with\n +\d+ +3 +7 munmap\(0x10000, 4096\) = 0$/m);
      expect(JSON.parse(await why(trace, "--json")).unmapping).toMatchObject({ call: "munmap", line: 3 });
    });

    test("says what the mapping does not allow, where there is one", async () => {
      const lines = trace.map((line) => line.replace("MAPERR, si_addr=0x10123", "ACCERR, si_addr=0x11123"));
      const out = await why(lines);
      expect(out).toContain("0x11123 lies in [0x11000, 0x12000), which may only be read\n");
      expect(out).not.toContain("what was mapped there");
      expect(JSON.parse(await why(lines, "--json")).unmapping).toBeNull();
    });

    test("knows of nothing where nothing was ever mapped", async () => {
      const out = await why(trace.map((line) => line.replace("0x10123", "0x20")));
      expect(out).toContain("no mapping contains 0x20: the next one above is [0x11000, 0x12000)\n");
      expect(out).not.toContain("what was mapped there");
    });

    test("forgets a fault that a handler caught", async () => {
      const caught = trace.toSpliced(5, 0, "7 rt_sigreturn({mask=[]}) = 0");
      expect(await why(caught)).toContain("kill(SIGSEGV) = ? (SIGSEGV)\n");
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
