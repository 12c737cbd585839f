import { readdirSync, readFileSync } from "node:fs";
import { type Event, encodeEvent, REFERENCE_PROFILE } from "@pagetrail/core";
import { playScenario } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { writeScenario } from "./write.ts";

const EXAMPLES = new URL("../../../../examples/scenarios/", import.meta.url);
const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".scenario"));

/** An event without what only tells where its line stood. */
function told(event: Event): unknown {
  const { line: _, ...rest } = encodeEvent(event) as Record<string, unknown> & { seq: number };
  // Files belong to nobody: their lines are said by whoever spoke last.
  return event.request.call === "file" || event.request.call === "cached" ? { ...rest, tid: 0 } : rest;
}

/** A process's name is its command's, and the names of processes are made anew. */
const nameless = (text: string): string => text.replaceAll(/"comm":"\w+(\[\d+\])?"/g, '"comm":""');

describe("a scenario that was written from the events of another", () => {
  test("there are examples to try", () => expect(names.length).toBeGreaterThan(15));

  test.each(names)("makes the events of %s again", (name) => {
    const first = playScenario(readFileSync(new URL(name, EXAMPLES), "utf8"));
    const text = writeScenario(first.profile, first.events);
    if (!text.ok) throw new Error(text.error);
    const second = playScenario(text.value);
    expect(second.failures).toEqual([]);
    const lines = (events: readonly Event[]): readonly string[] =>
      events.map((event) => nameless(JSON.stringify(told(event))));
    expect(lines(second.events)).toEqual(lines(first.events));
    expect(second.profile).toEqual(first.profile);
  });

  test("is refused for what the language has no line for, with the reason", () => {
    const event = (request: Event["request"]): Event => ({
      seq: 1,
      tid: 7 as never,
      request,
      outcome: { ret: 0 },
    });
    const adopted = event({ call: "adopt", comm: "t", tgid: 7 as never });
    expect(writeScenario(REFERENCE_PROFILE, [event({ call: "munlockall" })])).toEqual({
      ok: false,
      error: "process 7 has no line that makes it",
    });
    expect(
      writeScenario(REFERENCE_PROFILE, [adopted, event({ call: "io_setup", events: 1, cpus: 1 })]),
    ).toEqual({
      ok: false,
      error: "io_setup",
    });
    expect(
      writeScenario(REFERENCE_PROFILE, [adopted, event({ call: "mlock", addr: 0, length: 4096, flags: 64 })]),
    ).toEqual({ ok: false, error: "flags 0x40" });
  });
});
