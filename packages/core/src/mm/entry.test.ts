import { anonymous, MACHINE, Machine, told } from "@pagetrail/testing";
import { execOf, fixed } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { PERSONALITY } from "../arch/index.ts";
import type { Request } from "../kernel/index.ts";
import { MAP, MREMAP } from "./mman.ts";
import type { Entry } from "./unmapped-area.ts";

const P = 4096;
const MIB = 2 ** 20;

const as32 = { ...fixed, class: 32, machine: "i386" } as const;

function started(bits: 32 | 64): Machine {
  const m = new Machine();
  const load = execOf(bits === 32 ? as32 : fixed);
  expect(told(m.ask({ call: "execve", path: "/p", load }))).toBe("0");
  return m;
}

const mapped = (entry: Entry, length: number, more: Partial<Request & { call: "mmap" }> = {}): Request =>
  anonymous(length, { entry, ...more });

const flags = (extra: number) => ({ flags: MAP.PRIVATE | MAP.ANONYMOUS | extra });

/* What these say was seen on the live kernel, with int 0x80 and with a far call into 64-bit code. */

describe("a 64-bit program's calls through the 32-bit entry", () => {
  test("are placed below 4 GiB, from a base of their own", () => {
    const m = started(64);
    expect(told(m.ask(mapped(32, P)))).toBe("f7ffd000");
    expect(told(m.ask(mapped(64, P)))).toBe("7ffff7ff6000");
  });

  test("know neither huge pages nor MAP_32BIT", () => {
    const m = started(64);
    m.ask(mapped(32, P));
    expect(told(m.ask(mapped(32, 4 * MIB)))).toBe("f7bfd000");
    expect(told(m.ask(mapped(32, P, flags(MAP["32BIT"]))))).toBe("f7bfc000");
  });

  test("take hints up to the end of the program's own user space", () => {
    const m = started(64);
    expect(told(m.ask(mapped(32, P, { addr: 0x10000000 })))).toBe("10000000");
    expect(told(m.ask(mapped(32, 2 * P, { addr: 0xfffff000 })))).toBe("fffff000");
  });

  test("find no room for more than the 32-bit space has", () => {
    const m = started(64);
    expect(told(m.ask(mapped(32, 0xf8000000, { prot: 0 })))).toBe("ENOMEM");
    expect(told(m.ask(mapped(64, 0xf8000000, { prot: 0 })))).toBe("7ffeffe00000");
  });

  test("search from below, once there is no room above, up to where ADDR_LIMIT_3GB ends that space", () => {
    const full = (): Machine => {
      const m = started(64);
      const low = 0x500000;
      m.ask(anonymous(0xf0000000 - low, { addr: low, prot: 0, ...flags(MAP.FIXED) }));
      return m;
    };
    const large = mapped(32, 0x9000000, { prot: 0 });
    expect(told(full().ask(large))).toBe("f0000000");
    const limited = full();
    limited.ask({ call: "personality", persona: PERSONALITY.ADDR_LIMIT_3GB });
    expect(told(limited.ask(large))).toBe("ENOMEM");
  });

  test("of mremap move to below 4 GiB as well", () => {
    const m = started(64);
    const at = 0x20000000;
    m.ask(anonymous(P, { addr: at, ...flags(MAP.FIXED) }));
    m.ask(anonymous(P, { addr: at + P, prot: 0, ...flags(MAP.FIXED) }));
    const grow: Request = {
      call: "mremap",
      addr: at,
      oldLength: P,
      newLength: 2 * P,
      flags: MREMAP.MAYMOVE,
      newAddr: 0,
      entry: 32,
    };
    expect(told(m.ask(grow))).toBe("f7ffc000");
  });

  test("move with the stack limit at exec, as the others do", () => {
    const limits = { ...MACHINE.limits, stack: { soft: 256 * MIB, hard: 256 * MIB } };
    const m = new Machine({ ...MACHINE, limits });
    m.ask({ call: "execve", path: "/p", load: execOf(fixed) });
    expect(told(m.ask(mapped(32, P)))).toBe("efefd000");
  });
});

describe("a 32-bit program's calls through the 64-bit entry", () => {
  test("find only places beyond its user space, and are refused", () => {
    const m = started(32);
    expect(told(m.ask(mapped(64, P)))).toBe("ENOMEM");
    expect(told(m.ask(mapped(64, 4 * MIB)))).toBe("ENOMEM");
  });

  test("succeed with a hint, or with MAP_32BIT, which means something to them", () => {
    const m = started(32);
    expect(told(m.ask(mapped(64, P, flags(MAP["32BIT"]))))).toBe("40000000");
    expect(told(m.ask(mapped(64, P, { addr: 0x10000000 })))).toBe("10000000");
    expect(told(m.ask(mapped(32, P, flags(MAP["32BIT"]))))).not.toBe("40000000");
  });
});

describe("ADDR_LIMIT_3GB, set by a running 32-bit program on itself", () => {
  test("ends its user space at 3 GiB from then on", () => {
    const m = started(32);
    m.ask({ call: "personality", persona: PERSONALITY.ADDR_LIMIT_3GB });
    expect(told(m.ask(anonymous(P)))).toBe("ENOMEM");
    expect(told(m.ask(anonymous(P, { addr: 0xd0000000 })))).toBe("ENOMEM");
    expect(told(m.ask(anonymous(P, { addr: 0xb0000000 })))).toBe("b0000000");
    expect(told(m.ask(anonymous(P, { addr: 0xd0000000, ...flags(MAP.FIXED) })))).toBe("ENOMEM");
    expect(told(m.ask({ call: "munmap", addr: 0xf0000000, length: P }))).toBe("EINVAL");
    expect(told(m.ask({ call: "mprotect", addr: 0xf0000000, length: P, prot: 1 }))).toBe("ENOMEM");
  });

  test("can be taken back, and then all of 4 GiB is there again", () => {
    const m = new Machine();
    m.ask({ call: "personality", persona: PERSONALITY.ADDR_LIMIT_3GB });
    m.ask({ call: "execve", path: "/p", load: execOf(as32) });
    const high = anonymous(P, { addr: 0xd0000000, ...flags(MAP.FIXED) });
    expect(told(m.ask(high))).toBe("ENOMEM");
    m.ask({ call: "personality", persona: 0 });
    expect(told(m.ask(high))).toBe("d0000000");
  });

  test("means nothing to a 64-bit program's own calls", () => {
    const m = started(64);
    m.ask({ call: "personality", persona: PERSONALITY.ADDR_LIMIT_3GB });
    expect(told(m.ask(anonymous(P)))).toBe("7ffff7ff6000");
  });
});
