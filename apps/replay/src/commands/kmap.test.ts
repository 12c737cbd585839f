import { REFERENCE_PROFILE } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { demoLog, pagetrail, Recorder } from "../testing/log-fixture.ts";

const TASK = 7;

/** A log of kernel code that maps things in its own half. */
function kernelDemo(layout: "x86-64" | "i386"): string {
  const r = new Recorder({ ...REFERENCE_PROFILE, layout });
  r.call(TASK, { call: "adopt", comm: "kernel", tgid: TASK as never });
  r.call(TASK, { call: "vmalloc", bytes: 3 * 4096, caller: "load_module" });
  r.call(TASK, { call: "kmap", pfn: 0x40000 });
  r.call(TASK, { call: "kmap_local", pfn: 0x40001, cpu: 1 });
  return demoLog(r);
}

const shown = async (...argv: string[]): Promise<string> => {
  const { code, out } = await pagetrail(["kmap", ...argv]);
  expect(code).toBe(0);
  return out;
};

describe("kmap", () => {
  test("shows the regions of a 64-bit kernel, and the areas of vmalloc with their guard pages", async () => {
    const text = await shown(kernelDemo("x86-64"));
    expect(text).toMatch(/^ffff888000000000 +ffffc87fffffffff +64 TB +direct map$/m);
    expect(text).toMatch(/ffffc90000000000 +ffffc90000004000 +3 +vmalloc +load_module/);
    expect(text).toContain("kmap: the direct map serves");
  });

  test("shows the slots of a 32-bit kernel's high memory", async () => {
    const log = kernelDemo("i386");
    const text = await shown(log);
    expect(text).toMatch(/^kmap +1 +[0-9a-f]{8} +262144 +2$/m);
    expect(text).toMatch(/^kmap_local +16 +[0-9a-f]{8} +262145$/m);
    expect(await shown(log, "--at", "1")).toContain("kmap: none of 1024 slots is mapped");
  });

  test("has it all in JSON", async () => {
    const json = JSON.parse(await shown(kernelDemo("i386"), "--json"));
    expect(json).toMatchObject({
      half: "i386",
      areas: [{ kind: "vmalloc", caller: "load_module" }],
      pkmap: [{ pfn: 0x40000, count: 2 }],
      locals: [{ pfn: 0x40001 }],
      waiters: [],
    });
    expect(json.areas[0].frames).toHaveLength(3);
  });
});
