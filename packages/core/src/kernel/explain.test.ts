import { FIRST, MACHINE, Machine, PAGE_MACHINE } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { MAP, PROT } from "../mm/index.ts";
import type { Event } from "./event.ts";
import { type Explanation, explainEvent } from "./explain.ts";
import type { Profile } from "./profile.ts";
import type { Outcome, Request } from "./request.ts";

const HERE = 0x20000;
const at = (page: number): number => page * 4096;

const fixed = (page: number, pages: number, prot: number = PROT.READ | PROT.WRITE): Request => ({
  call: "mmap",
  addr: at(page),
  length: at(pages),
  prot,
  flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED,
  offset: 0,
  file: 0,
});

/** How the last of some requests came to its outcome; the others are done before it. */
function explain(
  requests: readonly Request[],
  { profile = MACHINE, outcome }: { profile?: Profile; outcome?: Outcome } = {},
): Explanation {
  const m = new Machine(profile);
  const last = requests.at(-1);
  for (const request of requests.slice(0, -1)) m.ask(request);
  if (!last) throw new Error("nothing to explain");
  const event: Omit<Event, "outcome"> = { seq: m.state.seq + 1, tid: FIRST, request: last };
  const predicted = explainEvent(m.state, { ...event, outcome: { ret: 0 } }).predicted;
  return explainEvent(m.state, { ...event, outcome: outcome ?? predicted });
}

const lines = ({ path }: Explanation): readonly string[] => path.map(({ kind, text }) => `${kind}: ${text}`);

describe("the way of an event", () => {
  test("ends with the limit that refused it, and all before it held", () => {
    const limited: Request = { call: "setrlimit", target: 0, resource: "as", soft: at(10), hard: at(10) };
    const found = explain([fixed(HERE, 4), limited, fixed(HERE + 8, 100)]);
    expect(found.predicted).toMatchObject({ errno: "ENOMEM" });
    expect(lines(found).at(-1)).toBe("refusal: RLIMIT_AS: 4 + 100 pages > 10");
    expect(lines(found).at(-2)).toBe("function: may_expand_vm");
    expect(found.path.filter(({ kind }) => kind === "refusal")).toHaveLength(1);
  });

  test.each([
    ["data", { flags: 0x32 }, "may_expand_vm", "RLIMIT_DATA: 2 + 4 pages > 3"],
    ["memlock", { flags: 0x2032 }, "mlock_future_ok", "RLIMIT_MEMLOCK"],
  ] as const)("does not say of the limit that refused it, %s, that it held", (resource, more, where, why) => {
    const profile = { ...MACHINE, capabilities: { ...MACHINE.capabilities, ipcLock: false } };
    const limited: Request = { call: "setrlimit", target: 0, resource, soft: at(3), hard: at(3) };
    const found = explain([fixed(HERE, 2), limited, { ...fixed(HERE + 8, 4), ...more } as Request], {
      profile,
    });
    expect(lines(found).at(-1)).toBe(`refusal: ${why}`);
    const name = why.split(":")[0] ?? "";
    expect(lines(found)).toContain(`function: ${where}`);
    expect(lines(found).filter((line) => line.startsWith("check: ") && line.includes(name))).toEqual([]);
  });

  test("says which neighbour a new mapping joins, and why not the other", () => {
    const found = explain([fixed(HERE, 2), fixed(HERE + 4, 2, PROT.READ), fixed(HERE + 2, 2)]);
    expect(lines(found)).toContain("choice: the mapping below, [0x20000000, 0x20002000), fits");
    expect(lines(found)).toContain(
      "choice: the mapping above, [0x20004000, 0x20006000), stays apart: its flags differ in VM_WRITE, VM_ACCOUNT",
    );
    expect(found.steps.some(({ kind }) => kind === "vma")).toBe(true);
  });

  test("says which gap a mapping without an address gets", () => {
    const anywhere: Request = { ...(fixed(0, 3) as Extract<Request, { call: "mmap" }>), flags: 0x22 };
    const found = explain([anywhere]);
    const chosen = "ret" in found.predicted ? Number(found.predicted.ret) : 0;
    expect(lines(found).some((line) => line.startsWith("choice: the highest gap of 3 pages in "))).toBe(true);
    expect(lines(found)).toContain(
      `choice: the mapping goes to [0x${chosen.toString(16)}, 0x${(chosen + at(3)).toString(16)})`,
    );
  });

  test("of a fault says whether the page is copied or taken over", () => {
    const write: Request = { call: "access", addr: at(HERE), kind: "write" };
    const fork: Request = { call: "clone", flags: 17, child: pid(2) };
    const copied = explain([fixed(HERE, 1), write, fork, write], { profile: PAGE_MACHINE });
    expect(lines(copied)).toContain("function: wp_page_copy");
    expect(lines(copied).at(-1)).toMatch(/^choice: the page is copied: 2 entries map frame \d+$/);
    const first = explain([fixed(HERE, 1), write], { profile: PAGE_MACHINE });
    expect(lines(first).at(-1)).toBe("choice: a write: a page of zeros of its own");
  });

  test("of a fault that ends in a signal says what forbids it", () => {
    const write: Request = { call: "access", addr: at(HERE), kind: "write" };
    const found = explain([fixed(HERE, 1, PROT.READ), write], { profile: PAGE_MACHINE });
    expect(lines(found).at(-1)).toBe("choice: the mapping [0x20000000, 0x20001000) does not allow to write");
  });

  test("is the model's own where the recording says otherwise, and the state is the recording's", () => {
    const found = explain([fixed(HERE, 1)], { outcome: { errno: "ENOMEM" } });
    expect(found.agrees).toBe(false);
    expect(found.predicted).toEqual({ ret: at(HERE) });
    expect(lines(found)).toContain("function: __mmap_region");
    expect([
      ...(found.after.mms.get([...found.after.mms.keys()].at(-1) as never)?.vmas.items() ?? []),
    ]).toEqual([]);
  });

  test("tells nothing of what no rule decides", () => {
    expect(explain([{ call: "given", name: "futex" } as Request]).path).toEqual([]);
  });
});
