import { CLONE, type Pid } from "@pagetrail/core";
import { Recorder } from "@pagetrail/testing";
import { expect, test } from "vitest";
import { listProcesses } from "./process-list.ts";
import { demo } from "./testing/log-fixture.ts";

test("processes are listed from their first event to their last", () => {
  expect(listProcesses(demo().events)).toMatchObject([
    { pid: 100, parent: 0, names: ["demo"], first: 1, last: 12, tasks: 1, events: 10 },
    { pid: 101, parent: 100, names: ["demo"], first: 8, last: 11, ended: 11, tasks: 1, events: 2 },
  ]);
});

test("threads belong to their process, which ends with the last of them", () => {
  const r = new Recorder();
  r.call(1, { call: "adopt", comm: "t", tgid: 1 as Pid });
  r.call(1, { call: "clone", flags: CLONE.VM | CLONE.THREAD | CLONE.SIGHAND, child: 2 as Pid });
  r.call(2, { call: "brk", addr: 0 });
  r.call(1, { call: "exit", code: 0 });
  expect(listProcesses(r.events)).toMatchObject([{ pid: 1, tasks: 2, events: 4 }]);
  expect(listProcesses(r.events)[0]).not.toHaveProperty("ended");
  r.call(2, { call: "exit", code: 0 });
  expect(listProcesses(r.events)).toMatchObject([{ pid: 1, ended: 5 }]);
});

test("a pid that is used again is another process", () => {
  const r = new Recorder();
  r.call(1, { call: "adopt", comm: "t", tgid: 1 as Pid });
  for (let i = 0; i < 2; i++) {
    r.call(1, { call: "clone", flags: 0, child: 2 as Pid });
    r.call(2, { call: "exit_group", code: 0 });
    r.call(1, { call: "reap", child: 2 as Pid });
  }
  expect(listProcesses(r.events)).toMatchObject([{ pid: 1 }, { pid: 2, first: 2 }, { pid: 2, first: 5 }]);
});
