import { anonymous, FIRST, history, MACHINE } from "@pagetrail/testing";
import { expect, test } from "vitest";
import type { Pid } from "../base/index.ts";
import { initialState, type KernelState, mmOf, type Request } from "../kernel/index.ts";
import { MAP } from "../mm/index.ts";
import { goOn } from "./go-on.ts";
import "@pagetrail/testing/setup";

/** Anonymous memory at a place. */
const there = (length: number, addr: number): Request =>
  anonymous(length, { addr, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED });

const told = (...requests: readonly Request[]) =>
  history(
    requests.map((request) => ({ tid: FIRST, request })),
    MACHINE,
  );

const spans = (state: KernelState | undefined): readonly string[] =>
  (state ? (mmOf(state, FIRST)?.vmas.toArray() ?? []) : []).map(({ start, end }) => `${start}-${end}`);

const addressOf = ({ event }: ReturnType<typeof history>[number]): number =>
  "ret" in event.outcome ? Number(event.outcome.ret) : 0;

test("with nothing changed everything comes out as it was", () => {
  const before = told(anonymous(8192), anonymous(4096), { call: "munmap", addr: 0x1000, length: 4096 });
  const again = [
    ...goOn(
      initialState(MACHINE),
      before.map(({ event }) => event),
    ),
  ];
  expect(again.map((one) => (one.kind === "asked" ? one.event : one.kind))).toEqual(
    before.map(({ event }) => event),
  );
});

test("requests about memory that lies elsewhere now are about that place", () => {
  const opening = told().length;
  const first = told(anonymous(8192));
  const at = addressOf(first.at(-1) as (typeof first)[number]);
  const before = told(
    anonymous(8192),
    there(4096, at + 4096),
    { call: "mprotect", addr: at + 4096, length: 4096, prot: 1 },
    { call: "munmap", addr: at, length: 4096 },
  );
  const events = before.map(({ event }) => event);
  // Something else took the place first.
  const taken = {
    seq: 0,
    tid: FIRST,
    request: there(4096, at + 4096),
    outcome: { ret: at + 4096 },
  };
  const asked = [...events.slice(0, opening), taken, ...events.slice(opening)];
  const again = [...goOn(initialState(MACHINE), asked)];
  const last = again.at(-1);
  const state = last?.kind === "asked" ? last.state : undefined;
  const page = at / 4096;
  // The two pages lie right below what was taken, and only the upper one is left, read-only.
  expect(spans(state)).toEqual([`${page}-${page + 1}`, `${page + 1}-${page + 2}`]);
  expect(again.every((one) => one.kind === "asked" && "ret" in one.event.outcome)).toBe(true);
  expect(state).toSatisfyLaws();
});

test("what a task that is not there did is left out", () => {
  const before = told({ call: "clone", flags: 0, child: 77 as Pid });
  const events = before.map(({ event }) => event).filter(({ request }) => request.call !== "clone");
  const child = { seq: 0, tid: 77 as Pid, request: anonymous(4096), outcome: { ret: 0x1000 } };
  const again = [...goOn(initialState(MACHINE), [...events, child])];
  expect(again.at(-1)).toEqual({ kind: "left out", was: child });
});

test("a child finds what its parent had where it lies in the parent", () => {
  const at = addressOf(told(anonymous(8192)).at(-1) as ReturnType<typeof history>[number]);
  const opening = told().length;
  const before = told(anonymous(8192), { call: "clone", flags: 0, child: 77 as Pid }).map(
    ({ event }) => event,
  );
  const taken = {
    seq: 0,
    tid: FIRST,
    request: there(4096, at + 4096),
    outcome: { ret: at + 4096 },
  };
  const unmap: Request = { call: "munmap", addr: at, length: 8192 };
  const child = { seq: 0, tid: 77 as Pid, request: unmap, outcome: { ret: 0 } };
  const again = [
    ...goOn(initialState(MACHINE), [...before.slice(0, opening), taken, ...before.slice(opening), child]),
  ];
  const last = again.at(-1);
  expect(
    last?.kind === "asked" &&
      mmOf(last.state, 77 as Pid)
        ?.vmas.toArray()
        .map(({ start }) => start),
  ).toEqual([at / 4096 + 1]);
});
