import { describe, expect, test } from "vitest";
import { PerfReader } from "./reader.ts";
import { type PerfEvent, readSample } from "./samples.ts";

/** What the first line of a text says. */
function event(text: string): PerfEvent {
  const reader = new PerfReader();
  const [record] = [...reader.push(`ls  42 [000]  1.000000: ${text}\n`), ...reader.end()];
  if (record?.kind !== "sample") throw new Error(`no sample: ${JSON.stringify(record)}`);
  return readSample(record);
}

describe("exceptions", () => {
  test.each([
    ["0x4", "read"],
    ["0x5", "read"],
    ["0x6", "write"],
    ["0x7", "write"],
    ["0x14", "exec"],
    ["0x15", "exec"],
    ["0x26", "write"],
  ])("error code %s of the processor is a %s", (code, access) => {
    expect(event(`exceptions:page_fault_user: address=0x7f10 ip=0x7f20 error_code=${code}`)).toEqual({
      what: "fault",
      addr: 0x7f10,
      access,
      inKernel: false,
      complete: true,
    });
  });

  test("the kernel's touch of user memory is a fault of the process", () => {
    expect(event("exceptions:page_fault_kernel: address=0x7f10 ip=elf_load error_code=0x2")).toMatchObject({
      addr: 0x7f10,
      access: "write",
      inKernel: true,
    });
  });

  test("fields are found by name, wherever they stand", () => {
    expect(event("exceptions:page_fault_user:   jmp   error_code=0x6 ip=1 address=0x7f10")).toMatchObject({
      addr: 0x7f10,
      access: "write",
    });
  });

  test("memory of the kernel's own is no process's", () => {
    const kernel = "exceptions:page_fault_kernel: address=0xffffc90000000000 ip=x error_code=0x0";
    expect(event(kernel)).toEqual({ what: "kernel" });
  });

  test("one without its fields is said to be unreadable, and what helps", () => {
    expect(event("exceptions:page_fault_user: ffffffff821f2600 exc_page_fault")).toEqual({
      what: "unreadable",
      why: expect.stringMatching(/error_code=.*perf script -F \+trace/),
    });
  });
});

describe("software events of faults", () => {
  const chain = "\n\tffffffff81752a2a elf_load+0x28a ([kernel.kallsyms])\n";

  test.each([
    ["address and place", "page-faults:  7f10 foo (/a)     7f20 bar+0x1 (/b)", 0x7f10, undefined, false],
    ["address and place, bare", "page-faults:             7f10             7f20", 0x7f10, undefined, false],
    ["the same twice: code", "page-faults:             7f10 f     7f10 f", 0x7f10, "exec", false],
    ["address and a place in the kernel", "faults: 7f10 ffffffff81752a2a elf_load", 0x7f10, undefined, true],
    ["an address alone", "page-faults:             7f10", 0x7f10, undefined, false],
    ["an address with a call chain", `page-faults:   7f10 foo (/a)${chain}`, 0x7f10, undefined, true],
    ["a place alone", "page-faults:             7f20 bar+0x1 (/b)", undefined, undefined, false],
    [
      "a symbol that looks like hex",
      "page-faults:     7f10 decade (/a)     7f20 x",
      0x7f10,
      undefined,
      false,
    ],
  ])("with %s", (_, text, addr, access, inKernel) => {
    expect(event(text)).toEqual({ what: "fault", addr, access, inKernel, complete: true });
  });

  test.each([
    ["page-faults", 1, true],
    ["page-faults", 7, false],
    ["minor-faults", 1, false],
    ["major-faults", 1, false],
  ])("%s of period %d tell of every fault: %s", (name, period, complete) => {
    expect(event(`  ${period} ${name}:   7f10`)).toMatchObject({ addr: 0x7f10, complete });
  });
});

describe("system calls", () => {
  test.each([
    ["syscalls:sys_enter_brk: brk: 0x00000000", { call: "brk", args: ["0x00000000"] }],
    ["syscalls:sys_enter_munmap: addr: 0x7f00, len: 0x1000", { call: "munmap", args: ["0x7f00", "0x1000"] }],
    ["syscalls:sys_enter_munlockall: ", { call: "munlockall", args: [] }],
    ["raw_syscalls:sys_enter: NR 11 (7f00, 1000, 0)", { call: 11, args: ["0x7f00", "0x1000", "0x0"] }],
  ])("%s is the beginning of a call", (text, call) => {
    expect(event(text)).toEqual({ what: "enter", ...call });
  });

  test.each([
    ["syscalls:sys_exit_mmap: 0x7fcd1cf90000", { call: "mmap", ret: 0x7fcd1cf90000n }],
    ["syscalls:sys_exit_mmap: 0xfffffffffffffff4", { call: "mmap", ret: -12n }],
    ["raw_syscalls:sys_exit: NR 9 = 140737353928704", { call: 9, ret: 140737353928704n }],
    ["raw_syscalls:sys_exit: NR -1 = -2", { call: -1, ret: -2n }],
  ])("%s is its end", (text, call) => {
    expect(event(text)).toEqual({ what: "exit", ...call });
  });

  test.each(["raw_syscalls:sys_enter: ", "raw_syscalls:sys_exit: NR 9", "syscalls:sys_exit_mmap: "])(
    "%s is unreadable",
    (text) => {
      expect(event(text).what).toBe("unreadable");
    },
  );
});

describe("tasks", () => {
  test("an exec has the program's name as it was called, and the thread that called", () => {
    expect(event("sched:sched_process_exec: filename=/bin/a b pid=42 old_pid=43")).toEqual({
      what: "exec",
      path: "/bin/a b",
      formerTid: 43,
    });
  });

  test.each([
    ["task:task_newtask: pid=8447 comm=thr clone_flags=3d0f00 oom_score_adj=0", 0x3d0f00],
    ["task:task_newtask: pid=8447 comm=thr clone_flags=0x4100 oom_score_adj=0", 0x4100],
    ["sched:sched_process_fork: comm=thr pid=8445 child_comm=thr child_pid=8447", undefined],
  ])("%s is a birth", (text, flags) => {
    expect(event(text)).toEqual({ what: "born", child: 8447, flags });
  });

  test("an end is one, and a switch names both tasks, however it is printed", () => {
    expect(event("sched:sched_process_exit: comm=thr pid=42 prio=120")).toEqual({ what: "gone" });
    const fields =
      "prev_comm=a b prev_pid=4 prev_prio=120 prev_state=R+ ==> next_comm=swapper/0 next_pid=0 next_prio=120";
    const told = {
      what: "switch",
      prev: { pid: 4, comm: "a b" },
      state: "R",
      next: { pid: 0, comm: "swapper/0" },
    };
    expect(event(`sched:sched_switch: ${fields}`)).toEqual(told);
    expect(event("sched:sched_switch: a b:4 [120] Z ==> swapper/0:0 [120]")).toEqual({ ...told, state: "X" });
    expect(event("sched:sched_switch: prev_comm=a ==> next_comm=b")).toMatchObject({ what: "unreadable" });
  });
});
