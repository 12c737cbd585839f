import { type Pid, REFERENCE_PROFILE } from "@pagetrail/core";
import { Recorder } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

/** A kernel that maps memory for itself: the second event frees what the first got. */
function kernelLog(): Recorder {
  const r = new Recorder();
  r.call(1, { call: "adopt", comm: "init", tgid: 1 as Pid });
  r.call(1, { call: "vmalloc", bytes: 16384, caller: "kernel_clone" });
  r.call(1, { call: "vmalloc", bytes: 1, caller: "load_module" });
  r.call(1, { call: "vfree", addr: 0xffffc90000000000n });
  r.call(1, { call: "kmap", pfn: 0x1234 });
  return r;
}

/** A 32-bit kernel that maps two frames of high memory. */
function highMemory(): string {
  const r = new Recorder({ ...REFERENCE_PROFILE, layout: "i386" });
  r.call(1, { call: "adopt", comm: "init", tgid: 1 as Pid });
  r.call(1, { call: "kmap", pfn: 0x40000 });
  r.call(1, { call: "kmap_local", pfn: 0x40001, cpu: 1 });
  return demoLog(r);
}

describe("kmap", () => {
  test("prints ranges, areas, slots and the fixmap of a moment", async () => {
    const { code, out, err } = await pagetrail(["kmap", demoLog(kernelLog()), "--at", "3"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^pagetrail: kernel half x86-64 of .* behind event 3 of 5\n$/);
    expect(out).toContain("0xffffc90000000000-0xffffe8ffffffffff    32 TB  vmalloc\n");
    expect(out).toContain(
      "\nvmalloc\n0xffffc90000000000-0xffffc90000005000   20480 kernel_clone pages=4 vmalloc N0=4\n",
    );
    expect(out).toContain("\nkmap\nevery frame is in the direct map\n");
    expect(out).toMatch(/^ {4}511 {2}0xffffffffff600000 {2}0xffffffffff600000 {2}VSYSCALL_PAGE$/m);
    expect(out).toMatch(/^515-642 /m);
  });

  test("shows at the end what waits to be purged", async () => {
    const { out } = await pagetrail(["kmap", demoLog(kernelLog())]);
    expect(out).toContain("0xffffc90000000000-0xffffc90000005000   20480 unpurged vm_area\n");
  });

  test("of a log in which the kernel asks for nothing shows the ranges", async () => {
    const { out } = await pagetrail(["kmap", demoLog(demo())]);
    expect(out).toContain("\nvmalloc\nno areas\n");
  });

  test("shows the slots of a 32-bit kernel's high memory", async () => {
    const { out } = await pagetrail(["kmap", highMemory()]);
    expect(out).toContain("\nkmap\n0xff801000 pkmap 1 pfn=0x40000 users=1\n");
    expect(out).toMatch(/^0xfff[0-9a-f]{5} kmap_local cpu=1 slot=0 pfn=0x40001$/m);
    expect(out).toMatch(/^ +0 {2}0xfffff000 {2}0xfffff000 {2}FIX_HOLE$/m);
    const start = await pagetrail(["kmap", highMemory(), "--at", "1"]);
    expect(start.out).toContain("\nkmap\nno slots in use\n");
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["kmap", demoLog(kernelLog()), "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      event: 5,
      half: "x86-64",
      areas: [
        { start: "0xffffc90000000000", end: "0xffffc90000005000", kind: "lazy", frames: [] },
        { start: "0xffffc90000005000", kind: "vmalloc", caller: "load_module", frames: [4100] },
      ],
      lazyPages: 5,
    });
    const high = await pagetrail(["kmap", highMemory(), "--json"]);
    expect(JSON.parse(high.out)).toMatchObject({
      half: "i386",
      pkmap: [{ slot: 1, address: "0xff801000", pfn: 0x40000, count: 2 }],
      locals: [{ slot: 16, cpu: 1, pfn: 0x40001 }],
      waiters: [],
    });
  });

  test("events of the kernel half stand in the list of events", async () => {
    const { out } = await pagetrail(["events", demoLog(kernelLog())]);
    expect(out.split("\n").map((line) => line.trimStart().replaceAll(/ +/g, " "))).toEqual([
      "1 · 1 adopt(init, process 1) = 0",
      "2 · 1 vmalloc(16384, kernel_clone) = 0xffffc90000000000",
      "3 · 1 vmalloc(1, load_module) = 0xffffc90000005000",
      "4 · 1 vfree(0xffffc90000000000) = 0",
      "5 · 1 kmap(frame 4660) = 0xffff888001234000",
      "",
    ]);
  });

  test("a log with them verifies", async () => {
    expect(await pagetrail(["verify", demoLog(kernelLog())])).toMatchObject({ code: 0 });
  });
});
