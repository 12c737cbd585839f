import { machineOf, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, pid } from "../base/index.ts";
import type { Profile } from "../kernel/index.ts";
import { MADV, MAP, PROT } from "../mm/index.ts";

const HERE = 0x20000;
const CHILD = pid(2);
const at = (page: number): number => page * 4096;

const advise = (m: PageMachine, page: number, pages: number, advice: number): unknown =>
  m.ask({ call: "madvise", addr: at(page), length: at(pages), advice });

/** A machine with four pages of private memory, of which one was read and one was written to. */
function private4(profile: Profile = PAGE_MACHINE): PageMachine {
  const m = new PageMachine(profile);
  m.map(HERE, 4);
  m.touch("read", HERE);
  m.touch("write", HERE + 1);
  return m;
}

/** One with a file of seven pages and a half mapped: private memory at HERE, shared at HERE + 16. */
function withFile(): PageMachine {
  const m = new PageMachine();
  const file = { id: fileId(1), path: "/srv/file", kind: "disk", size: 30_000 } as const;
  m.ask({ call: "file", file: { ...file, readable: true, writable: true, deleted: false } });
  m.map(HERE, 16, { file: 1 });
  m.map(HERE + 16, 16, { file: 1, flags: MAP.SHARED });
  return m;
}

/** One with 2 MiB that may become a huge page. */
function withRoom(profile: Profile = PAGE_MACHINE): PageMachine {
  const m = new PageMachine(profile);
  m.map(HERE, 512);
  advise(m, HERE, 512, MADV.HUGEPAGE);
  return m;
}

/** The steps of a fault at an entry that is not there, or that refuses to be written to. */
const missing = (page: number, ...steps: readonly string[]): readonly string[] => [
  "function: do_user_addr_fault",
  `choice: nothing is mapped at 0x${at(page).toString(16)}`,
  ...steps,
];
const refusing = (page: number, ...steps: readonly string[]): readonly string[] => [
  "function: do_user_addr_fault",
  `choice: the entry of 0x${at(page).toString(16)} refuses to write`,
  ...steps,
];
const HANDLED = "function: handle_mm_fault";

describe("why an access of private memory went as it did is told from the trap to what was decided:", () => {
  test("a first read", () => {
    expect(private4().why("read", HERE + 2)).toEqual(
      missing(
        HERE + 2,
        HANDLED,
        "function: do_anonymous_page",
        "choice: a read: the page of zeros that all share",
      ),
    );
  });

  test("a first write", () => {
    expect(private4().why("write", HERE + 2)).toEqual(
      missing(
        HERE + 2,
        HANDLED,
        "function: do_anonymous_page",
        "choice: a write: a page of zeros of its own",
      ),
    );
  });

  test("a write to the page of zeros", () => {
    expect(private4().why("write", HERE)).toEqual(
      refusing(
        HERE,
        HANDLED,
        "function: do_wp_page",
        "function: wp_page_copy",
        "choice: the page of zeros gives way to a page of its own",
      ),
    );
  });

  test("a write to what a child has too, and then by the one who is left", () => {
    const m = private4();
    m.fork(CHILD);
    const [, , , , , copied] = m.why("write", HERE + 1);
    expect(copied).toMatch(/^choice: the page is copied: 2 entries map frame \d+$/);
    m.touch("write", HERE + 1, CHILD);
    expect(m.why("write", HERE + 1)).toEqual(
      refusing(
        HERE + 1,
        HANDLED,
        "function: do_wp_page",
        "choice: nobody else has the page: it is made writable",
      ),
    );
  });

  test("an access that the tables grant takes no way through the kernel", () => {
    expect(private4().why("read", HERE + 1)).toEqual([]);
    expect(private4().why("write", HERE + 1)).toEqual([]);
  });

  test("an address without a mapping", () => {
    expect(private4().why("read", HERE + 64)).toEqual(
      missing(HERE + 64, "choice: no mapping at the address"),
    );
  });

  test.each([
    ["read", 0, "read"],
    ["write", PROT.READ, "write"],
    ["exec", 0, "execute"],
  ] as const)("a %s that protection %i forbids", (kind, prot, verb) => {
    const m = new PageMachine();
    m.map(HERE, 2, { prot });
    expect(m.why(kind, HERE + 1)).toEqual(
      missing(HERE + 1, `choice: the mapping [0x20000000, 0x20002000) does not allow to ${verb}`),
    );
  });

  test("execution that the entry refuses", () => {
    expect(private4().why("exec", HERE)).toEqual([
      "function: do_user_addr_fault",
      "choice: the entry of 0x20000000 refuses to execute",
      "choice: the mapping [0x20000000, 0x20004000) does not allow to execute",
    ]);
  });

  test("a guard region", () => {
    const m = private4();
    advise(m, HERE + 2, 1, MADV.GUARD_INSTALL);
    expect(m.why("read", HERE + 2)).toEqual(
      missing(HERE + 2, HANDLED, "function: do_swap_page", "choice: the page is part of a guard region"),
    );
  });

  test("a page in swap", () => {
    const m = private4({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 64 } });
    advise(m, HERE + 1, 1, MADV.PAGEOUT);
    expect(m.why("write", HERE + 1)).toEqual(
      missing(HERE + 1, HANDLED, "function: do_swap_page", "choice: the page is in swap, slot 1"),
    );
  });
});

describe("of a file", () => {
  const cached = (index: number): string => `choice: page ${index} of /srv/file is in the page cache`;
  const uncached = (index: number): string => `choice: page ${index} of /srv/file is not in the page cache`;

  test("a read says whether its page had to be read", () => {
    const m = withFile();
    expect(m.why("read", HERE + 2)).toEqual(
      missing(HERE + 2, HANDLED, "function: do_read_fault", uncached(2)),
    );
    m.touch("read", HERE + 16);
    m.ask({ call: "munmap", addr: at(HERE + 16), length: at(16) });
    m.map(HERE + 16, 16, { file: 1, flags: MAP.SHARED });
    expect(m.why("write", HERE + 18)).toEqual(
      missing(HERE + 18, HANDLED, "function: do_shared_fault", cached(2)),
    );
  });

  test("a private write copies, at once or what was mapped", () => {
    const m = withFile();
    expect(m.why("write", HERE)).toEqual(missing(HERE, HANDLED, "function: do_cow_fault", uncached(0)));
    m.touch("read", HERE);
    const told = m.why("write", HERE);
    expect(told.slice(0, -1)).toEqual(
      refusing(HERE, HANDLED, "function: do_wp_page", "function: wp_page_copy"),
    );
    expect(told.at(-1)).toMatch(/^choice: the page is copied: 1 entry maps frame \d+$/);
  });

  test("a shared write makes writable what a read mapped", () => {
    const m = withFile();
    m.touch("read", HERE + 16);
    expect(m.why("write", HERE + 16)).toEqual(
      refusing(HERE + 16, HANDLED, "function: do_wp_page", "choice: shared on purpose: made writable"),
    );
  });

  test("what lies beyond its end is told with its size", () => {
    expect(withFile().why("read", HERE + 8)).toEqual(
      missing(
        HERE + 8,
        HANDLED,
        "function: do_read_fault",
        "choice: page 8 lies beyond the end of /srv/file (30000 bytes)",
      ),
    );
  });
});

describe("of huge pages", () => {
  const SPLIT = "choice: the huge page is split";

  test("a first access says what it maps", () => {
    const huge = "function: do_huge_pmd_anonymous_page";
    expect(withRoom().why("read", HERE + 7)).toEqual(
      missing(HERE + 7, HANDLED, huge, "choice: 2 MiB of zeros that all share"),
    );
    expect(withRoom().why("write", HERE + 7)).toEqual(
      missing(HERE + 7, HANDLED, huge, "choice: a huge page of 2 MiB"),
    );
  });

  test("a write to 2 MiB of zeros says what becomes of them", () => {
    const zeros = (profile: Profile): readonly string[] => {
      const m = withRoom(profile);
      m.touch("read", HERE);
      return m.why("write", HERE + 7);
    };
    const old = { ...machineOf("6.1"), pages: PAGE_MACHINE.pages };
    const entered = refusing(HERE + 7, HANDLED, "function: do_huge_zero_wp_pmd");
    expect(zeros(PAGE_MACHINE)).toEqual([...entered, "choice: the 2 MiB of zeros give way to a huge page"]);
    expect(zeros(old).slice(0, 5)).toEqual([...entered, "choice: the 2 MiB of zeros are split"]);
  });

  test("a write to one says who else has it, and what so becomes of it", () => {
    const steps = (profile: Profile, alone: boolean): readonly string[] => {
      const m = withRoom(profile);
      m.touch("write", HERE);
      m.fork(CHILD);
      if (alone) m.ask({ call: "exit_group", code: 0 }, CHILD);
      return m.why("write", HERE + 7);
    };
    const entered = refusing(HERE + 7, HANDLED, "function: do_huge_pmd_wp_page");
    expect(steps(PAGE_MACHINE, true)).toEqual([
      ...entered,
      "choice: nobody else has the huge page: it is made writable",
    ]);
    const split = steps(PAGE_MACHINE, false);
    expect(split.slice(0, 7)).toEqual([...entered, SPLIT, "function: do_wp_page", "function: wp_page_copy"]);
    const old = { ...machineOf("5.4"), pages: PAGE_MACHINE.pages };
    expect(steps(old, false)).toEqual([...entered, "choice: the huge page is copied whole"]);
  });
});
