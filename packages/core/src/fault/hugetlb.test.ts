import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, pid } from "../base/index.ts";
import { MADV, MAP } from "../mm/index.ts";

const HUGE = 512;
const BYTES = HUGE * 4096;
const HERE = 0x100000;
const CHILD = pid(2);
const PRIVATE = MAP.PRIVATE | MAP.HUGETLB;
const SHARED = MAP.SHARED | MAP.HUGETLB;
const page = (n: number): number => HERE + n * HUGE;

/** A machine with eight huge pages in its pool. */
class PoolMachine extends PageMachine {
  constructor() {
    super({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, hugePages: 8 } });
  }

  /** Maps huge pages from the nth on. */
  huge(n: number, count: number, flags: number): string {
    const outcome = this.map(page(n), count * HUGE, { flags });
    return "errno" in outcome ? outcome.errno : "ok";
  }

  unmap(n: number, count: number): void {
    this.ask({ call: "munmap", addr: page(n) * 4096, length: count * BYTES });
  }

  /** Free and reserved pages, as /proc/meminfo has them. */
  get pool(): string {
    const { free, reserved = 0 } = this.state.memory?.pool ?? { free: [] };
    return `${free.length} free, ${reserved} reserved`;
  }
}

describe("huge pages of the pool (hugetlb_reserve_pages, alloc_hugetlb_folio)", () => {
  test("a mapping reserves its pages, and a fault uses one up", () => {
    const m = new PoolMachine();
    m.huge(0, 4, PRIVATE);
    expect(m.pool).toBe("8 free, 4 reserved");
    m.touch("write", page(0));
    m.touch("read", page(1));
    expect(m.pool).toBe("6 free, 2 reserved");
  });

  test("a mapping that cannot reserve is ENOMEM, and with MAP_NORESERVE the fault that finds no page is SIGBUS", () => {
    const m = new PoolMachine();
    m.huge(0, 6, PRIVATE);
    expect(m.huge(10, 3, PRIVATE)).toBe("ENOMEM");
    expect(m.huge(10, 3, PRIVATE | MAP.NORESERVE)).toBe("ok");
    expect([0, 1, 2].map((n) => m.touch("write", page(10 + n)))).toEqual(["ok", "ok", "SIGBUS BUS_ADRERR"]);
    expect(m.pool).toBe("6 free, 6 reserved");
  });

  test("what a private mapping gives up is reserved for it again, and goes back with it", () => {
    const m = new PoolMachine();
    m.huge(0, 4, PRIVATE);
    m.touch("write", page(0));
    m.touch("write", page(1));
    m.ask({ call: "madvise", addr: page(0) * 4096, length: BYTES, advice: MADV.DONTNEED });
    expect(m.pool).toBe("7 free, 3 reserved");
    m.unmap(3, 1);
    expect(m.pool).toBe("7 free, 2 reserved");
    m.unmap(0, 3);
    expect(m.pool).toBe("8 free, 0 reserved");
  });

  test("a file keeps what was reserved for it until it is shorter", () => {
    const m = new PoolMachine();
    const named = {
      path: "/memfd:huge",
      kind: "hugetlb",
      readable: true,
      writable: true,
      deleted: false,
    } as const;
    const file = { ...named, id: fileId(1), hugePages: HUGE, size: 8 * BYTES };
    m.ask({ call: "file", file });
    m.map(page(0), 4 * HUGE, { flags: MAP.SHARED, file: 1 });
    m.map(page(10), 4 * HUGE, { flags: MAP.SHARED, file: 1, offset: 2 * HUGE });
    m.touch("write", page(0));
    m.unmap(0, 4);
    expect(m.pool).toBe("7 free, 5 reserved");
    m.ask({ call: "file", file: { ...file, size: 3 * BYTES } });
    expect(m.pool).toBe("7 free, 2 reserved");
  });

  test("shared anonymous memory gives all back with its last mapping", () => {
    const m = new PoolMachine();
    m.huge(0, 4, SHARED);
    m.touch("write", page(2));
    m.fork(CHILD);
    m.unmap(0, 4);
    expect(m.pool).toBe("7 free, 3 reserved");
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    expect(m.pool).toBe("8 free, 0 reserved");
  });

  test("a mapping in the place of a shared one comes before that gives its pages back, of a private one behind it", () => {
    const m = new PoolMachine();
    expect(m.huge(0, 8, SHARED)).toBe("ok");
    expect(m.huge(0, 8, SHARED)).toBe("ENOMEM");
    expect(m.pool).toBe("8 free, 0 reserved");
    expect(m.huge(0, 8, PRIVATE)).toBe("ok");
    expect(m.huge(0, 8, PRIVATE)).toBe("ok");
  });

  test("a child has reserved nothing: its copy takes a page that is nobody's, or there is none", () => {
    const m = new PoolMachine();
    m.huge(0, 7, PRIVATE);
    m.touch("write", page(0));
    m.touch("write", page(1));
    m.fork(CHILD);
    expect(m.touch("write", page(0), CHILD)).toBe("ok");
    expect(m.pool).toBe("5 free, 5 reserved");
    expect(m.touch("write", page(1), CHILD)).toBe("SIGBUS BUS_ADRERR");
  });

  test("an owner that writes when no page is left takes the child's, which has SIGBUS from then on", () => {
    const m = new PoolMachine();
    m.huge(0, 8, PRIVATE);
    m.touch("write", page(0));
    m.fork(CHILD);
    expect(m.touch("write", page(0))).toBe("ok");
    expect(m.pages(CHILD).hugetlb).toBe(0);
    expect(m.touch("read", page(0), CHILD)).toBe("SIGBUS BUS_ADRERR");
    m.unmap(0, 8);
    expect(m.touch("read", page(3), CHILD)).toBe("SIGBUS BUS_ADRERR");
  });

  test("the kernel's count wraps while a child keeps the page of an owner that is gone", () => {
    const m = new PoolMachine();
    m.huge(0, 2, PRIVATE);
    m.touch("write", page(0));
    m.fork(CHILD);
    m.unmap(0, 2);
    expect(m.pool).toBe("7 free, -1 reserved");
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    expect(m.pool).toBe("8 free, 0 reserved");
  });

  test("what moves takes its reservations along, and a part that stays behind loses its own for good", () => {
    const m = new PoolMachine();
    m.huge(0, 4, PRIVATE);
    const move = { call: "mremap", oldLength: BYTES, newLength: BYTES, flags: 3 } as const;
    m.ask({ ...move, addr: page(0) * 4096, newAddr: page(20) * 4096 });
    m.unmap(0, 8);
    m.unmap(20, 1);
    expect(m.pool).toBe("8 free, 3 reserved");
  });
});
