import { type KernelState, maps, mmOf, PAGE_SIZE, type Pid, PROT, type Request } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { demo } from "../testing/log-fixture.ts";
import { MapsTexts } from "./maps-text.ts";

const whole = (state: KernelState, pid: number): string => maps(state, mmOf(state, pid as Pid));

/** Follows a recording, and compares each remembered text with one that is made anew. */
function follow(recorder: Recorder): void {
  const texts = new MapsTexts((text) => text);
  const shown = new Map<number, string>();
  recorder.events.forEach((event, i) => {
    const [before, after] = [recorder.states[i], recorder.states[i + 1]];
    if (!before || !after) return;
    texts.watch(event, before);
    const mm = mmOf(after, event.tid);
    if (!mm) return;
    const expected = whole(after, event.tid);
    const changed = texts.changed(after, event.tid, mm);
    expect(changed === undefined).toBe(shown.get(event.tid) === expected);
    shown.set(event.tid, changed ?? shown.get(event.tid) ?? "");
    expect(shown.get(event.tid)).toBe(expected);
  });
}

const BASE = 0x100000000;

/** One call somewhere among 400 pages, so that pieces fill, split and empty. */
const call = fc
  .record({
    kind: fc.constantFrom("mmap", "mmap", "munmap", "mprotect", "mprotect", "brk", "clone", "rename"),
    page: fc.nat(400),
    pages: fc.integer({ min: 1, max: 40 }),
    prot: fc.constantFrom(PROT.READ, PROT.READ | PROT.WRITE, 0),
  })
  .map(({ kind, page, pages, prot }): Request => {
    const [addr, length] = [BASE + page * 4096, pages * 4096];
    if (kind === "mmap") return anonymous(pages * PAGE_SIZE, { prot, addr });
    if (kind === "munmap") return { call: "munmap", addr, length };
    if (kind === "brk") return { call: "brk", addr };
    if (kind === "clone") return { call: "clone", flags: 0, child: (1000 + page) as Pid };
    if (kind === "rename") return { call: "rename", from: "/lib/libdemo.so", to: `/lib/${page}.so` };
    return { call: "mprotect", addr, length, prot };
  });

describe("the remembered text of maps", () => {
  test("is that of the state behind every event", () => {
    follow(demo());
  });

  test("is that of the state behind every event of random calls", () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 120 }), (requests) => {
        const recorder = demo();
        const children = new Set<number>();
        for (const request of requests) {
          if (request.call === "clone" && children.has(request.child)) continue;
          if (request.call === "clone") children.add(request.child);
          recorder.call(100, request);
        }
        follow(recorder);
      }),
      { numRuns: 40 },
    );
  });

  test("survives a mapping cut into hundreds of pieces and joined again", () => {
    const recorder = new Recorder();
    recorder.call(100, { call: "adopt", comm: "cut", tgid: 100 as Pid });
    recorder.call(100, anonymous(600 * PAGE_SIZE, { addr: BASE }));
    for (const prot of [PROT.READ, PROT.READ | PROT.WRITE])
      for (let page = 1; page < 600; page += 2)
        recorder.call(100, { call: "mprotect", addr: BASE + page * 4096, length: 4096, prot });
    expect(whole(recorder.states[302] ?? recorder.state, 100).split("\n").length).toBeGreaterThan(600);
    follow(recorder);
  });

  test("names the heap as soon as it is known where that lies", () => {
    const recorder = demo();
    recorder.call(100, { call: "brk", addr: 0 }, { outcome: { ret: 0x10001000 } });
    expect(whole(recorder.state, 100)).toMatch(/^10000000-10008000 .*\[heap\]$/m);
    follow(recorder);
  });

  test("is encoded line by line", () => {
    const recorder = demo();
    const mm = mmOf(recorder.state, 100 as Pid);
    const texts = new MapsTexts((text) => text.toUpperCase());
    expect(mm && texts.changed(recorder.state, 100 as Pid, mm)).toBe(
      whole(recorder.state, 100).toUpperCase(),
    );
  });
});
