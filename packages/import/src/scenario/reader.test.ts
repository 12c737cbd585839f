import { nearest, UNLIMITED } from "@pagetrail/core";
import { playScenario, scenarioProblem } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";

const AFTER = "process A\nfile /data/x 4K\nA: mmap page 8K rw private anon\n";

describe("a scenario that cannot be read says where and what may stand there", () => {
  test.each([
    [
      "A: mmap p 16K rw prvate anon",
      "4:18: 'prvate' cannot stand here: expected private, shared or droppable; did you mean private?",
    ],
    ["A: madvise page 4K DONTNED", "did you mean DONTNEED?"],
    ["A: mmpa p 4K", "4:4: 'mmpa' cannot stand here"],
    ["A: mmpa p 4K", "did you mean mmap?"],
    ["A:", "4:3: the line ends here: expected mmap, munmap"],
    [
      "A: munmap pge 4K",
      "4:11: no line above has an address or a counter 'pge': there is page; did you mean page?",
    ],
    ["B: read page", "4:1: no line above has a process 'B': there is A"],
    [
      "A: mmap f 4K r shared file /dta/x",
      "4:28: no line above has a file '/dta/x': there is /data/x; did you mean /data/x?",
    ],
    ["A: write page -> SIGSEVG", "did you mean SIGSEGV?"],
    ["A: write page -> SIGSEGV ACERR", "did you mean ACCERR?"],
    [
      "A: write page -> 2 fautls",
      "4:20: 'fautls' cannot stand here: expected major, fault or faults; did you mean faults?",
    ],
    ["A: read page ->", "4:16: the line ends here: expected"],
    ["A: mmap p 4Q rw private anon", "4:11: '4Q' cannot stand here: expected a length"],
    ["A: mremap page 8K 16K", "4:19: '16K' cannot stand here: expected to"],
    ["A: read (page+4K", "4:17: the line ends here: expected )"],
    ["expect A vams 1", "did you mean vmas?"],
    ["expect A pte page writeable", "did you mean writable?"],
    ["expect A rss anon", "4:18: the line ends here: expected a number of pages"],
    [
      "expect A maps\n  page..page+8K rwp anon",
      "5:17: 'rwp' cannot stand here: expected access such as rw-p",
    ],
    ["machine ram 64M", "4:1: machine lines stand before all others"],
    ["for i in 0..4", "4:1: the loop of line 4 has no end"],
    ["end", "4:1: 'end' cannot stand here"],
    ["repeat 3 times", "4:10: 'times' cannot stand here: expected the end of the line"],
    [
      "for i in 0..4\n  A: read page\nend\nA: read page+i",
      "7:14: no line above has an address or a counter 'i'",
    ],
    ['A: write page "no end', "4:15:"],
    ["nonsense", "a process and a colon"],
  ])("%s", (line, said) => {
    expect(scenarioProblem(`${AFTER}${line}`)).toContain(said);
  });

  test.each([
    ["machine ram 4M", "20M to 4T"],
    ["machine ram 64M swp 1M", "did you mean swap?"],
    ["machine release 4.4", "expected 5.4, 6.1 or 6.18"],
    ["machine layout arm", "expected x86-64, x86-64-5level or i386"],
    ["machine limit stack 8M hard 4M", "a soft limit is not above the hard one"],
  ])("%s", (line, said) => {
    expect(scenarioProblem(line)).toContain(said);
  });
});

describe("the nearest word", () => {
  test.each([
    ["prvate", "private"],
    ["pirvate", "private"],
    ["sharde", "shared"],
    ["zebra", undefined],
    ["a", undefined],
  ])("to %s is %s", (word, meant) => {
    expect(nearest(word, ["private", "shared", "b"])).toBe(meant);
  });
});

describe("the machine of a scenario", () => {
  test("is one of 1 GB that tells all of pages, unless it says otherwise", () => {
    const { profile, source } = playScenario("process A");
    expect(profile.pages).toMatchObject({ known: true, frames: 2 ** 18, thp: "madvise" });
    expect(profile.release).toBe("6.18");
    expect(source).toEqual({ kind: "scenario" });
  });

  test("is what its lines say", () => {
    const { profile, source } = playScenario(
      "machine ram 64M swap 1M release 6.1 layout x86-64-5level thp never cpus 2\n" +
        "machine overcommit 2 overcommit_ratio 80 max_map_count 100 hugepages 4 user nobody pages off\n" +
        "machine limit stack 1M hard 2M limit memlock unlimited",
    );
    expect(profile).toMatchObject({
      layout: "x86-64-5level",
      release: "6.1",
      pages: { known: false, frames: 2 ** 14, thp: "never", paging: "5-level" },
      sysctl: { overcommitMemory: 2, overcommitRatio: 80, maxMapCount: 100, hugePages: 4, swapPages: 256 },
      capabilities: { ipcLock: false },
      limits: { stack: { soft: 2 ** 20, hard: 2 ** 21 }, memlock: { soft: UNLIMITED, hard: UNLIMITED } },
    });
    expect(profile.sysctl.totalPages).toBe(15 * 1024);
    expect(source).toEqual({ kind: "scenario" });
    expect(profile?.scheduling).toEqual({ cpus: 2, lazyTlb: "refcount" });
  });
});

describe("the CPUs of a machine", () => {
  test("have TLBs where it says so", () => {
    expect(playScenario("machine cpus 4 tlb 64").profile).toMatchObject({
      scheduling: { cpus: 4 },
      tlb: { entries: 64, ways: 4, replacement: "lru", pcid: true },
    });
    expect(playScenario("machine cpus 1 tlb 6 ways 3 random nopcid").profile.tlb).toEqual({
      entries: 6,
      ways: 3,
      replacement: "random",
      seed: 1,
      pcid: false,
    });
  });

  test("of 32 bits have either kind of page tables", () => {
    expect(playScenario("machine layout i386").profile.pages.paging).toBe("pae");
    expect(playScenario("machine layout i386 paging 2-level").profile.pages.paging).toBe("2-level");
  });

  test.each([
    ["machine tlb 64", "TLBs need CPUs"],
    ["machine cpus 2 pages off tlb 64", "TLBs need pages"],
    ["machine cpus 2 tlb 64 pages off", "TLBs need pages"],
    ["machine cpus 2 tlb 64 ways 5", "64 entries make no sets of 5"],
    ["machine paging pae", "only 'layout i386' has a choice"],
    ["machine cpus 1\nswitch A", "expected a CPU such as cpu0"],
    ["machine cpus 1\nexpect cpu0 has", "expected runs, loaded, lazy, busy or tlb"],
  ])("%j cannot be read", (text, why) => {
    expect(scenarioProblem(text)).toContain(why);
  });
});

describe("what is no request", () => {
  test("comments, empty lines and blanks change nothing; a # in quotes is text", () => {
    const { events, failures } = playScenario(
      '\n# a comment\n  process A # another\r\n\nA: mmap p 4K rw private anon\nA: write p "a#b"\nexpect A content p "a#b"\n',
    );
    expect([events.length, failures]).toEqual([3, []]);
    expect(events.map((e) => e.line)).toEqual([3, 5, 6]);
  });
});
