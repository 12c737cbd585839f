import { decodeEvent, encodeEvent } from "@pagetrail/core";
import { playScenario } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { readScenario } from "./reader.ts";
import "@pagetrail/testing/setup";

const ONE = "process A\nA: mmap p 16K rw private anon\n";
const failuresOf = (text: string): readonly string[] => playScenario(`${ONE}${text}`).failures;

describe("requests", () => {
  test("become events with their line, as the model answers them, which a log can hold", () => {
    const { events, state } = playScenario(
      `${ONE}A: write p+4K 0x0102\nA: fork B\nB: read p..p+8K\nB: exit_group 3\nA: wait B`,
    );
    expect(events.map(({ line, as, request }) => [line, as ?? request.call])).toEqual([
      [1, "adopt"],
      [2, "mmap"],
      [3, "write"],
      [4, "fork"],
      [5, "read"],
      [6, "exit_group"],
      [7, "wait4"],
    ]);
    for (const event of events) expect(decodeEvent(encodeEvent(event))).toEqual({ ok: true, value: event });
    expect(state).toSatisfyLaws();
  });

  test.each([
    [
      "mmap q 2M rw shared anon locked populate noreserve fixed at 0x20000000",
      { call: "mmap", addr: 0x20000000, flags: 0xe031 },
    ],
    [
      "mmap q 4K none private anon noreplace at 64K*2",
      { call: "mmap", addr: 0x20000, prot: 0, flags: 0x100022 },
    ],
    ["mmap q 8K rx private file /data/x offset 4K", { call: "mmap", prot: 5, offset: 4096, file: 1 }],
    ["mremap p 4K to 4K maymove fixed at p-1M dontunmap as q", { call: "mremap", flags: 7 }],
    ["mlock p 4K onfault", { call: "mlock", flags: 1 }],
    ["mlockall current future", { call: "mlockall", flags: 3 }],
    ["msync p 4K sync", { call: "msync", flags: 4 }],
    ["madvise p 4K GUARD_INSTALL", { call: "madvise", advice: 102 }],
    ["mseal p 4K", { call: "mseal", flags: 0 }],
    [
      "setrlimit stack 64K",
      { call: "setrlimit", resource: "stack", soft: 65536, hard: Number.POSITIVE_INFINITY },
    ],
    ["prctl THP_DISABLE 1", { call: "prctl", option: 41, arg: 1 }],
    ["personality ADDR_COMPAT_LAYOUT READ_IMPLIES_EXEC", { call: "personality", persona: 0x600000 }],
    ["run p -> any", { call: "access", kind: "exec" }],
    ["read 0-1 -> SIGSEGV MAPERR", { call: "access", addr: 2n ** 64n - 1n }],
    ["vfork V", { call: "clone", flags: 0x4111 }],
    ["thread V", { call: "clone", flags: 0x10f00 }],
  ])("%s", (verb, request) => {
    const { events, failures } = playScenario(`file /data/x 64K\n${ONE}A: ${verb}`);
    expect(failures).toEqual([]);
    expect(events.at(-1)?.request).toMatchObject(request);
  });

  test("the break moves by what is said, and stack, heap and brk are places", () => {
    const text =
      "process A\nA: exec /bin/prog\nA: brk +64K -> heap+64K\nA: brk -60K -> heap+4K\nA: write brk-1\nA: write stack-8";
    expect(playScenario(text).failures).toEqual([]);
  });

  test("in loops run round by round, with the counter in names and values", () => {
    const { events, failures } = playScenario(
      "process P[0]\nP[0]: mmap p 16K rw private anon\nfor i in 0..3\n  P[i]: fork P[i+1]\n  P[i+1]: write p+i*4K\nend\n" +
        "expect P[3] rss anon 3\nrepeat 2\n  P[3]: read p\nend",
    );
    expect(failures).toEqual([]);
    expect(events).toHaveLength(2 + 6 + 2);
  });

  test("of a task that cannot make them are told, and make no event", () => {
    expect(failuresOf("A: vfork B\nA: read p")).toEqual([
      "4:1: A waits in vfork, until its child has called exec or exit",
    ]);
    expect(failuresOf("A: fork B\nA: wait B")).toEqual(["4:1: B still runs: wait would sleep"]);
    expect(failuresOf("A: fork B\nB: fork C\nA: wait C")).toEqual(["5:1: C is no child of A"]);
    expect(failuresOf("A: exit_group\nA: read p")).toEqual(["4:1: A has exited"]);
    expect(
      failuresOf(
        "A: mmap q 4K rw private anon at 1 -> any\nA: mmap q 0 rw private anon -> EINVAL\nA: read q",
      ),
    ).toEqual(["5:1: 'q' has no value: what should give it one did not succeed"]);
  });

  test("a process for which there is no memory any more is killed, by an event of its own", () => {
    const { events, failures, state } = playScenario(
      "machine ram 20M overcommit 1\nprocess A\nA: mmap p 64M rw private anon\nA: write p..p+64M -> SIGKILL\nexpect A state gone",
    );
    expect(failures).toEqual([]);
    expect(events.at(-1)?.request).toEqual({ call: "kill", signal: "SIGKILL" });
    expect(state).toSatisfyLaws();
  });
});

describe("expectations", () => {
  test.each([
    ["A: munmap p+1 4K", "3:1: expected success, got EINVAL"],
    ["A: munmap p 4K -> EINVAL", "3:19: expected EINVAL, got 0"],
    ["A: write p -> 2 faults", "3:15: expected 2 faults, got 1"],
    ["A: write p -> ok 1 major fault", "3:15: expected 1 major fault, got 0"],
    ["A: write p -> SIGSEGV ACCERR", "3:15: expected SIGSEGV ACCERR, got 0"],
    [
      "A: read p+16K -> SIGSEGV ACCERR",
      "3:18: expected SIGSEGV ACCERR, got SIGSEGV MAPERR at 0x7ffff7fff000",
    ],
    ["A: mmap q 4K r private anon -> p", "3:32: expected 0x7ffff7ffb000, got 0x7ffff7ffa000"],
    ["expect A vmas 2", "3:8: expected vmas 2, found 1"],
    ["expect A rss anon 1 file 2", "3:8: expected rss anon 1 file 2, found anon 0 file 0"],
    ["expect A state zombie", "3:8: expected zombie, found running"],
    ["expect A pte p writable", "3:8: expected writable, found absent at p"],
    ["expect A size 20K", "3:8: expected size 20K, found 16K"],
    ["expect committed 4K", "3:8: expected committed 4K, found 16K"],
    ["A: fork B\nexpect A B share p", "4:8: expected a page there, found none of A and B at p"],
    ["A: write p\nA: fork B\nexpect A B differ p", "5:8: expected two frames, found one at p"],
    ["A: write p\nA: fork B\nB: write p\nexpect A B share p", "6:8: expected one frame, found two at p"],
    ['A: write p "no"\nexpect A content p "ok"', '4:8: expected "ok", found "no"'],
  ])("%s", (text, failure) => {
    expect(failuresOf(text)[0]).toContain(failure);
  });

  test("of mappings compare range, access, name and offset, and show what is there", () => {
    const text = (access: string, name: string): string =>
      `file /data/x 64K\n${ONE}A: mprotect p+4K 4K r\nA: mmap f 8K r shared file /data/x offset 4K at 0x10000\n` +
      `expect A maps\n  f..f+8K r--s ${name}\n\n  p..p+4K rw-p\n  p+4K..p+8K ${access} anon\n  p+8K..p+16K rw-p\n` +
      "expect A maps in p..p+4K\n  p..p+4K rw-p anon";
    expect(playScenario(text("r--p", "/data/x offset 4K")).failures).toEqual([]);
    expect(playScenario(text("r--p", "/data/x offset 8K")).failures).toHaveLength(1);
    expect(playScenario(text("r--p", "anon")).failures).toHaveLength(1);
    const [failure] = playScenario(text("rw-p", "/data/x")).failures;
    expect(failure).toContain("6:8: expected other mappings; A has these:");
    expect(failure).toContain("\n    f..f+8K r--s /data/x offset 0x1000\n    p..p+4K rw-p anon\n");
  });

  test("about pages say that nothing is known where pages are off", () => {
    const [failure] = playScenario("machine pages off\nprocess A\nexpect A rss anon 0").failures;
    expect(failure).toBe("3:8: this machine has 'pages off': nothing is known of them");
  });
});

describe("what runs on CPUs", () => {
  const machine = "machine cpus 2\nprocess A\nkthread K\n";

  test.each([
    ["switch cpu0 A\nswitch cpu1 A -> EBUSY", []],
    ["switch cpu0 K\nexpect A refs count 2", ["5:8: expected refs count 2, found count 1"]],
    ["switch cpu0 A\nexpect cpu0 runs K", ["5:8: expected K, found A"]],
    ["switch cpu0 A\nexpect cpu0 loaded init_mm", ["5:8: expected mm 1 to be loaded, found mm 2"]],
    ["expect cpu0 lazy", ["4:8: expected lazy, found busy"]],
    ["expect A refs freed", ["4:8: expected it freed, found users 1 count 1"]],
    ["A: exit_group\nexpect A refs users 1", ["5:8: expected an address space, found that it was freed"]],
    ["expect K refs users 1", ["4:8: K never had an address space"]],
    ["expect cpu7 lazy", ["4:8: this machine has no cpu7: 'machine cpus 8' gives it one"]],
    ["coredump A SIGSEGV\nA: fork B -> EINTR", []],
    ["A: thread T\ncoredump T SIGSEGV\nA: fork B", ["6:1: A waits for a core dump, and will exit"]],
  ])("%s", (text, failures) => {
    expect(playScenario(machine + text).failures).toEqual(failures);
  });

  test("is told by the profile, and by events that a log can hold", () => {
    const { events, state } = playScenario(
      `${machine}switch cpu0 A\nswitch cpu0 K leaving D\nK: use_mm A\nK: unuse_mm`,
    );
    expect(state?.profile.scheduling).toEqual({ cpus: 2, lazyTlb: "refcount" });
    for (const event of events) expect(decodeEvent(encodeEvent(event))).toEqual({ ok: true, value: event });
    expect(events.map(({ tid }) => tid)).toEqual([100, 0, 0, 100, 101, 101]);
    expect(state).toSatisfyLaws();
  });

  test("has bounds", () => {
    expect(readScenario("machine cpus 9000")).toMatchObject({
      error: { column: 14, what: "a machine has at most 8192 CPUs" },
    });
  });
});

describe("TLBs", () => {
  const TWO = "machine cpus 2 tlb 64\nprocess A\nkthread K\n";
  const failures = (text: string): readonly string[] => playScenario(`${TWO}${text}`).failures;

  test("serve who runs; who runs nowhere can ask for nothing", () => {
    expect(failures("A: mmap p 4K rw private anon")).toEqual([
      "4:1: A runs on no CPU: a line such as 'switch cpu0 A' has to come first",
    ]);
    const text = `switch cpu0 A
A: mmap p 4K rw private anon
A: write p
switch cpu0 K
expect cpu0 lazy
K: use_mm A
expect cpu0 busy
K: read p
expect cpu0 tlb hits 1
K: unuse_mm
switch cpu1 A
A: exit_group
switch cpu1 idle
expect cpu1 loaded init_mm
expect cpu1 busy`;
    const { failures: none, state } = playScenario(`${TWO}${text}`);
    expect(none).toEqual([]);
    expect(state).toSatisfyLaws();
  });

  test("say what is otherwise", () => {
    const run = "switch cpu0 A\nA: mmap p 8K rw private anon\nA: write p\n";
    expect(failures(`${run}expect cpu0 tlb entries 1 misses 3`)).toEqual([
      "7:8: expected entries 1 misses 3, found entries 1 misses 2",
    ]);
    expect(failures(`${run}expect cpu0 tlb holds p..p+8K`)).toEqual(["7:8: expected it to hold p+4K"]);
    expect(failures(`${run}expect cpu0 tlb lacks p`)).toEqual(["7:8: expected it to lack p"]);
    expect(failures(`${run}expect A tlb_gen 1`)).toEqual(["7:8: expected tlb_gen 1, found 0"]);
    expect(failures("expect cpu2 tlb hits 0")).toEqual([
      "4:8: this machine has no cpu2: 'machine cpus 3' gives it one",
    ]);
    const [none] = playScenario("machine cpus 1\nprocess A\nexpect cpu0 tlb entries 0").failures;
    expect(none).toContain("this machine has no TLBs: a machine line with 'tlb 64' gives it some");
  });
});
