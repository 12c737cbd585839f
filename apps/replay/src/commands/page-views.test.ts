import { readFileSync } from "node:fs";
import { mmOf, type Pid, pagemapBytes, pageRange, smaps } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { collecting, demoLog, pagetrail } from "../testing/log-fixture.ts";
import { ALONE, ENDED, FORKED, HUGE, MEMORY, pagesDemo } from "../testing/pages-fixture.ts";

const log = (): string => demoLog(pagesDemo());

const hex = (n: number): string => `0x${n.toString(16)}`;

const shown = async (...argv: string[]): Promise<readonly string[]> => {
  const { code, out } = await pagetrail([argv[0] ?? "", log(), ...argv.slice(1)]);
  expect(code).toBe(0);
  return out.trimEnd().split("\n");
};

const document = async (...argv: string[]) => JSON.parse((await shown(...argv, "--json")).join("\n"));

/*
 * The pool's huge page has the first free block of 512 frames, at 4096; the PGD the first of the next, 4608, which
 * is 0x1200. Then come, as memory is touched: the PUD 0x1201 and the PMD 0x1202, the first page 0x1203, the PTE
 * table 0x1204 and the pages that are written to, 0x1205 and 0x1206.
 */
describe("vtop", () => {
  test("shows every level's table, index, entry and flags, then the page, its VMA and its frame", async () => {
    expect(await shown("vtop", hex(MEMORY + 0x123), "--at", ALONE)).toEqual([
      "VIRTUAL           PHYSICAL",
      "20000123          1203123",
      "",
      "   PGD: 1200000 [0]   => 1201067           (PRESENT|RW|USER|ACCESSED|DIRTY)",
      "   PUD: 1201000 [0]   => 1202067           (PRESENT|RW|USER|ACCESSED|DIRTY)",
      "   PMD: 1202000 [256] => 1204067           (PRESENT|RW|USER|ACCESSED|DIRTY)",
      "   PTE: 1204000 [0]   => 8000000001203067  (PRESENT|RW|USER|ACCESSED|DIRTY|NX)",
      "  PAGE: 1203000",
      "",
      "   VMA: 20000000-20002000 rw-p 00000000 00:00 0",
      "",
      " PFN  PHYSICAL  ZONE   USED FOR   MAPPING     INDEX  CNT  MAPS  FLAGS",
      "4611   1203000  DMA32  anonymous  anon_vma 1  20000    1     1  uptodate|swapbacked|anon_exclusive",
    ]);
  });

  test("shows what fork leaves of it: no right to write, dirty in software, two references", async () => {
    const lines = await shown("vtop", hex(MEMORY), "--at", FORKED, "--pid", "100");
    expect(lines[6]).toBe(
      "   PTE: 1204000 [0]   => 8400000001203025  (PRESENT|USER|ACCESSED|SAVED_DIRTY|NX)",
    );
    expect(lines.at(-1)).toMatch(/anon_vma 1 +20000 +2 +2 {2}uptodate\|swapbacked$/);
  });

  test.each([
    [
      "zeros that all share",
      MEMORY + 0x1000,
      [
        "   PTE: 1204000 [1]   => 8000000000001225  (PRESENT|USER|ACCESSED|SPECIAL|NX)",
        "  PAGE: 1000  (zeros that all share: nobody counts who maps it)",
      ],
    ],
    // Frame 0x1205 inverted, so that the hardware finds no memory there.
    [
      "memory without any access",
      MEMORY + 0x2000,
      ["   PTE: 1204000 [2]   => 40ffffffedfa120   (ACCESSED|PROTNONE|SAVED_DIRTY)", "  PAGE: 1205000"],
    ],
    // Slot 1 inverted above bit 9, and the exclusive bit.
    [
      "a page in swap",
      MEMORY + 0x3000,
      ["   PTE: 1204000 [3]   => 7fffffffffffc08", "  NONE: in swap: slot 1, which 1 entry names, exclusive"],
    ],
    [
      "a guard region",
      MEMORY + 0x4000,
      [
        "   PTE: 1204000 [4]   => fffffffffffff600",
        "  NONE: a guard region's marker: any access ends in SIGSEGV",
      ],
    ],
    [
      "memory that was not touched",
      MEMORY + 0x5000,
      ["   PTE: 1204000 [5]   => 0", "  NONE: the entry is empty"],
    ],
  ])("shows %s", async (_, address, expected) => {
    const lines = await shown("vtop", hex(address), "--at", ALONE);
    expect(lines.slice(6, 8)).toEqual(expected);
    expect(lines[1]?.endsWith("(not mapped)")).toBe(expected[1]?.startsWith("  NONE"));
  });

  test("shows a missing table, and that no mapping is there", async () => {
    const lines = await shown("vtop", "0x7f0000000000", "--at", ALONE);
    expect(lines.slice(3)).toEqual([
      "   PGD: 1200000 [254] => 0",
      "  NONE: there is no PUD table",
      "",
      "   VMA: no mapping covers this address",
    ]);
  });

  test("shows a huge page, which ends the walk above the lowest table", async () => {
    const lines = await shown("vtop", hex(HUGE + 5 * 4096 + 8), "--at", ALONE);
    // The block of 512 at frame 5120 is the first whole one above.
    expect(lines.slice(5, 7)).toEqual([
      "   PMD: 1202000 [258] => 80000000014000e7  (PRESENT|RW|USER|ACCESSED|DIRTY|PSE|NX)",
      "  PAGE: 1400000  (2 MB)",
    ]);
    expect(lines.at(-1)).toBe("page 5 of the block of 512 at frame 5120");
  });

  test("takes names for addresses, with a distance, and names the file behind a page", async () => {
    const lines = await shown("vtop", "libdemo+1.so+0x10", "--at", ENDED);
    expect(lines[1]).toMatch(/^30000010 /);
    expect(lines.at(-1)).toMatch(/page cache {2}\/lib\/libdemo\+1\.so +0 +2 +1 {2}/);
    expect(await shown("vtop", "/lib/libdemo+1.so", "--at", ENDED)).toContain(
      `${"30000000".padEnd(16)}  ${lines[1]?.slice(18, -3)}000`,
    );
  });

  test("answers for the direct map of the kernel half, and says why for the rest", async () => {
    expect(await shown("vtop", "ffff888001203000", "--at", ALONE)).toEqual([
      "VIRTUAL           PHYSICAL",
      "ffff888001203000  1203000",
      "",
      "REGION: direct map, which begins at ffff888000000000",
      "",
      " PFN  PHYSICAL  ZONE   USED FOR   MAPPING     INDEX  CNT  MAPS  FLAGS",
      "4611   1203000  DMA32  anonymous  anon_vma 1  20000    1     1  uptodate|swapbacked|anon_exclusive",
    ]);
    expect(await shown("vtop", "ffffc90000001000")).toContain(
      "  NONE: mapped page by page, if at all: the kernel's own page tables are not modelled",
    );
    expect(await shown("vtop", "ffff888010000000")).toContain("  NONE: the machine has no memory there");
    expect(await shown("vtop", "0x800000000000")).toContain(
      "  NONE: neither user space nor a region of the kernel half",
    );
  });

  test("tells the same as JSON", async () => {
    expect(await document("vtop", hex(MEMORY + 0x123), "--at", ALONE)).toMatchObject({
      schema: 1,
      event: 14,
      pid: 100,
      address: "0x20000123",
      physical: "0x1203123",
      why: null,
      steps: [
        { level: "pgd", table: "0x1200000", index: 0, entry: "0x1201067" },
        { level: "pud" },
        { level: "pmd", index: 256, at: "0x1202800" },
        {
          level: "pte",
          entry: "0x8000000001203067",
          flags: ["PRESENT", "RW", "USER", "ACCESSED", "DIRTY", "NX"],
        },
      ],
      vma: { start: "0x20000000" },
      frame: { pfn: 4611, refcount: 1, mapcount: 1, mapping: { kind: "anon", anonVma: 1 }, index: 0x20000 },
    });
    expect(await document("vtop", hex(MEMORY + 0x3000), "--at", ALONE)).toMatchObject({
      physical: null,
      end: { kind: "swap", slot: 1 },
      frame: null,
    });
    expect(await document("vtop", "0xffff888000001000")).toMatchObject({
      region: "direct map",
      frame: { pfn: 1, use: "reserved" },
    });
  });

  test("shows nothing of a process that has left its address space", async () => {
    const { code, out, err } = await pagetrail(["vtop", log(), "0", "--pid", "101"]);
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain("its last maps are at --at 16");
  });

  test.each([
    ["nonsense", "'nonsense' is no address, and nothing of that name is mapped"],
    ["heap", "'heap' is no address"],
    ["20000000+x", "'20000000+x' is no address"],
    ["ffffffffffffffff+1", "'ffffffffffffffff+1' is beyond 64 bits"],
  ])("refuses %s", async (address, why) => {
    const { code, err } = await pagetrail(["vtop", log(), address]);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("pagemap", () => {
  test("has a line for each page that is there, and absent ones in runs", async () => {
    expect(await shown("pagemap", "20000000-2000a000", "--at", ALONE)).toEqual([
      "20000000-20001000 8100000000001203 present exclusive frame 4611",
      "20001000-20002000 8000000000000001 present frame 1",
      "20002000-20003000 8100000000001205 present exclusive frame 4613",
      "20003000-20004000 4000000000000020 swap slot 1",
      "20004000-20005000 440000000000009f swap guard",
      "20005000-20008000 0000000000000000 absent, 3 pages",
      "20008000-2000a000 0000000000000000 no mapping, 2 pages",
    ]);
  });

  test("shows all that is mapped, the pages of one name, or one page", async () => {
    const all = await shown("pagemap", "--at", ALONE);
    expect(all).toHaveLength(6 + 512 + 1);
    expect(all.filter((line) => line.includes("no mapping"))).toEqual([]);
    expect((await shown("pagemap", "libdemo+1.so", "--at", ENDED))[0]).toMatch(
      /^30000000-30001000 a1[0-9a-f]{14} present file exclusive frame \d+$/,
    );
    expect(await shown("pagemap", `${hex(HUGE)}+0x5000`, "--at", ALONE)).toEqual([
      "20405000-20406000 8100000000001405 present exclusive frame 5125",
    ]);
    expect(await shown("pagemap", `${hex(MEMORY)}..${hex(MEMORY)}+0x1001`, "--at", ALONE)).toHaveLength(2);
  });

  test("writes with --raw what the kernel's file has: 8 bytes a page, the lowest first", async () => {
    const { sink, bytes } = collecting();
    const { code, err } = await pagetrail(["pagemap", log(), "20000000-20005000", "--raw", "--at", ALONE], {
      stdout: sink,
    });
    expect(code).toBe(0);
    expect(err).toContain("process 100 (demo)");
    expect(Buffer.from(bytes()).toString("hex").match(/.{16}/g)).toEqual([
      "0312000000000081",
      "0100000000000080",
      "0512000000000081",
      "2000000000000040",
      "9f00000000000044",
    ]);
  });

  test("writes ranges of any length with --raw", async () => {
    const { sink, bytes } = collecting();
    await pagetrail(["pagemap", log(), "0..0x30003000", "--raw", "--at", FORKED, "--pid", "100"], {
      stdout: sink,
    });
    const recorder = pagesDemo();
    const state = recorder.states[16];
    const mm = state && mmOf(state, 100 as Pid);
    const expected = state && mm && pagemapBytes(state, mm, pageRange(0, 0x30003));
    expect(Buffer.compare(bytes(), expected ?? new Uint8Array())).toBe(0);
  });

  test("has entries by name as JSON, in one document or a line each", async () => {
    const { schema, pages } = await document("pagemap", "20003000-20008000", "--at", ALONE);
    expect(schema).toBe(1);
    expect(pages).toMatchObject([
      { start: "0x20003000", entry: "0x4000000000000020", swap: true, present: false, slot: 1 },
      { guard: true },
      { start: "0x20005000", end: "0x20008000", entry: "0x0", mapped: true, present: false },
    ]);
    const lines = await shown("pagemap", "20003000-20008000", "--at", ALONE, "--jsonl");
    expect(lines.map((line) => JSON.parse(line))).toEqual(pages);
  });

  test.each([
    [["--raw"], "--raw needs to know of which pages"],
    [["20002000-20001000"], "'20002000-20001000' ends before it starts"],
    [["0x7ffffffff000..0x800000000000"], "reaches beyond user space, which ends at 0x7ffffffff000"],
    [["heap"], "'heap' is no address"],
  ])("refuses %s", async (argv, why) => {
    const { code, err } = await pagetrail(["pagemap", log(), ...argv]);
    expect(code).toBe(2);
    expect(err).toContain(why);
  });
});

describe("frames", () => {
  test("shows zones, free blocks, uses that sum up, files, swap, the pool and the kernel's objects", async () => {
    const lines = await shown("frames", "--at", ENDED);
    expect(lines.slice(0, 6)).toEqual([
      "ZONE   FRAMES  MANAGED    FREE  MIN  LOW  HIGH",
      "DMA     4,096    3,072   3,072   32   40    48",
      "DMA32  61,440   61,440  60,405  480  600   720",
      "",
      "Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      3 ",
      "Node 0, zone    DMA32      1      0      1      0      1      1      1      1      1      1     58 ",
    ]);
    const uses = lines
      .filter((line) => /^ *[\d,]+ +[\d,.]+ [KMG]B {2}/.test(line))
      .map((line) => line.trim().split(/ {2,}/));
    const numbers = uses.map(([n = ""]) => Number(n.replaceAll(",", "")));
    expect(uses.map(([, , use]) => use)).toEqual([
      "anonymous",
      "anonymous huge",
      "page cache",
      "page tables",
      "hugetlb",
      "reserved",
      "free",
      "in all",
    ]);
    expect(numbers.slice(0, -1).reduce((a, b) => a + b, 0)).toBe(65_536);
    expect(lines).toContain("    3      0       3  /lib/libdemo+1.so");
    expect(lines).toContain("swap     1 of 64 slots used; swap cache 0 pages");
    expect(lines).toContain("hugetlb  1 of 1 page of 2 MB free, 0 reserved");
    expect(lines.slice(-8).map((line) => line.split(/ {2,}/))).toEqual([
      ["task_struct", "2", "5", "5,888", "5", "8"],
      ["signal_cache", "2", "14", "1,152", "14", "4"],
      ["mm_struct", "1", "20", "1,600", "20", "8"],
      ["vm_area_struct", "5", "21", "192", "21", "1"],
      ["pgd page tables", "1", "1", "4,096", "1", "1"],
      ["pud page tables", "1", "1", "4,096", "1", "1"],
      ["pmd page tables", "1", "1", "4,096", "1", "1"],
      ["pte page tables", "3", "3", "4,096", "1", "3"],
    ]);
  });

  test("shows one frame and every entry that maps it", async () => {
    expect(await shown("frames", "4611", "--at", FORKED)).toEqual([
      " PFN  PHYSICAL  ZONE   USED FOR   MAPPING     INDEX  CNT  MAPS  FLAGS",
      "4611   1203000  DMA32  anonymous  anon_vma 1  20000    2     2  uptodate|swapbacked",
      "",
      "PID   ADDRESS  ENTRY MAPS",
      "100  20000000  4 KB",
      "101  20000000  4 KB",
    ]);
    expect((await shown("frames", "5125", "--at", ALONE)).at(-1)).toBe("100  20405000  2,048 KB");
  });

  test("takes a frame's number as hex, and knows tables and free blocks", async () => {
    expect((await shown("frames", "0x1204", "--at", ALONE)).at(-1)).toBe(
      "the PTE table of process 100 for 20000000-20200000",
    );
    expect((await shown("frames", "65535", "--at", ALONE)).slice(1)).toEqual([
      "65535   ffff000  DMA32  free      –            –    0     0  –",
      "page 1023 of the free block of 1024 at frame 64512",
    ]);
  });

  test("tell the same as JSON", async () => {
    const census = await document("frames", "--at", ENDED);
    expect(census).toMatchObject({
      schema: 1,
      event: 17,
      frames: 65_536,
      zones: [{ name: "DMA", managed: 3072 }, { name: "DMA32" }],
      cache: [{ name: "/lib/libdemo+1.so", pages: 3, dirty: 0, mapped: 3 }],
      swap: { size: 64, used: 1, cached: 0 },
      hugetlb: { total: 1, free: 1, reserved: 0 },
      slabs: {
        mm_struct: { active: 1, objects: 20, size: 1600, perSlab: 20, pages: 8, slabs: 1 },
        vm_area_struct: { active: 5, slabs: 1 },
      },
    });
    expect(await document("frames", "4611", "--at", FORKED)).toMatchObject({
      schema: 1,
      frame: { pfn: 4611, use: "anonymous", mapcount: 2 },
      mappers: [
        { pids: [100], address: "0x20000000", bytes: 4096 },
        { pids: [101], address: "0x20000000", bytes: 4096 },
      ],
      table: null,
    });
  });

  test.each([
    [["65536"], "there is no frame 65536"],
    [["12x"], "It is a frame's number, decimal or 0x and hex"],
  ])("refuse %s", async (argv, why) => {
    const { code, err } = await pagetrail(["frames", log(), ...argv]);
    expect(code).toBe(2);
    expect(err).toContain(why);
  });
});

describe("smaps, status and statm where pages are known", () => {
  test("smaps has every line, and nothing to say of what is missing", async () => {
    const { out, err } = await pagetrail(["smaps", log(), "--at", FORKED, "--pid", "100"]);
    const state = pagesDemo().states[16];
    expect(out).toBe(state && smaps(state, mmOf(state, 100 as Pid)));
    expect(out).toMatch(/^20400000-.*\n(.*\n)*?Rss: +2048 kB\nPss: +1024 kB\n/m);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  test("smaps --rollup has the sums", async () => {
    const lines = await shown("smaps", "--rollup", "--at", FORKED, "--pid", "100");
    expect(lines.slice(0, 3)).toEqual([
      "20000000-30003000 ---p 00000000 00:00 0                                  [rollup]",
      "Rss:                2068 kB",
      "Pss:                1040 kB",
    ]);
  });

  test("status and statm count resident pages", async () => {
    const status = await shown("status", "--at", ALONE);
    expect(status).toEqual(
      expect.arrayContaining(["VmRSS:\t    2056 kB", "RssAnon:\t    2056 kB", "VmSwap:\t       4 kB"]),
    );
    expect(status.slice(-3)).toEqual([
      "CoreDumping:\t0",
      "THP_enabled:\t1",
      "untag_mask:\t0xffffffffffffffff",
    ]);
    expect(await shown("statm", "--at", ALONE)).toEqual(["523 514 0 0 0 519 0"]);
  });

  test("tell the same as JSON", async () => {
    const { vmas } = await document("smaps", "--at", ALONE);
    expect(vmas[0]).toMatchObject({ kb: 8, counts: { Rss: 4, Pss: 4, Private_Dirty: 4, Swap: 0 } });
    const { rollup } = await document("smaps", "--rollup", "--at", ALONE);
    expect(rollup).toMatchObject({ Rss: 2056, Pss_Anon: 2056, Swap: 4 });
    expect(await document("status", "--at", ALONE)).toMatchObject({
      kb: { VmRSS: 2056, RssFile: 0, VmPTE: 16 },
      thpEnabled: true,
      untagMask: "0xffffffffffffffff",
    });
  });
});

describe("a log that does not tell of accesses", () => {
  test.each([["pagemap"], ["vtop", "0"], ["frames"], ["frames", "1"]])(
    "has no pages for %s",
    async (...argv) => {
      const { code, out, err } = await pagetrail([argv[0] ?? "", demoLog(), ...argv.slice(1)]);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toMatch(
        /^pagetrail: this log does not tell of accesses to memory, so that its pages are not known \(/,
      );
    },
  );

  test("has null for what is not known, and no rollup", async () => {
    const json = async (...argv: string[]) =>
      JSON.parse((await pagetrail([argv[0] ?? "", demoLog(), ...argv.slice(1), "--json"])).out);
    expect((await json("smaps")).vmas[0]).toMatchObject({ counts: null });
    expect((await json("status")).kb).toMatchObject({ VmRSS: null, VmSize: 56 });
    expect(await json("smaps", "--rollup")).toMatchObject({ rollup: null });
    const { out, err } = await pagetrail(["smaps", demoLog(), "--rollup"]);
    expect(out).toBe("");
    expect(err).toContain("does not tell of accesses to memory: there is nothing to sum up");
  });

  test("is said to be one by its own profile, which a log with pages keeps", () => {
    expect(readFileSync(log(), "utf8").split("\n")[0]).toContain('"known":true');
  });
});
