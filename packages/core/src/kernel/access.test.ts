import { flagged, Machine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import type { AccessKind } from "../fault/index.ts";
import { MAP } from "../mm/index.ts";
import { decodeEvent, encodeEvent } from "./event-json.ts";

const HERE = 0x20000000;

/** Whether private memory has an anon_vma after a touch of a kind; undefined for one that does not tell. */
function writtenTo(kind: AccessKind | undefined, prot = 3, flags: number = MAP.PRIVATE): boolean {
  const machine = new Machine();
  machine.ask({ ...flagged(2 * PAGE_SIZE, MAP.FIXED, HERE), prot, flags: flags | MAP.ANONYMOUS | MAP.FIXED });
  machine.ask({ call: "access", addr: HERE + PAGE_SIZE + 5, ...(kind === undefined ? {} : { kind }) });
  const [vma] = machine.mm().vmas.toArray();
  return vma?.anonVma !== 0;
}

describe("memory that a recording shows to be touched", () => {
  test("has its anon_vma after a write, and after nothing else", () => {
    expect([undefined, "read", "exec", "write"].map((kind) => writtenTo(kind as AccessKind))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  test("has none where it is shared, or may not be written to", () => {
    expect(writtenTo("write", 3, MAP.SHARED)).toBe(false);
    expect(writtenTo("write", 1)).toBe(false);
  });

  test("may lie outside all mappings, which changes nothing", () => {
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE));
    machine.ask({ call: "access", addr: HERE + 64 * PAGE_SIZE, kind: "write" });
    expect(machine.mm().vmas.toArray()).toHaveLength(1);
  });

  test("keeps its kind in a log, and a log from before has none", () => {
    const event = { seq: 1, tid: 42, call: "access", addr: "0x20000000", ret: "0x0" };
    for (const json of [event, { ...event, kind: "write" }]) {
      const decoded = decodeEvent(json);
      expect(decoded.ok && encodeEvent(decoded.value)).toEqual(json);
    }
  });
});
