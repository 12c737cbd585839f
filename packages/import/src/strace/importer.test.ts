import { isDecided, mmOf, type Pid } from "@pagetrail/core";
import { importStrace, NO_FILES } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import type { SystemFiles } from "../sink.ts";
import { StraceImporter } from "./importer.ts";

const lines = (...text: readonly string[]): string => `${text.join("\n")}\n`;

const ANON = "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0";

describe("a process that was there before the trace", () => {
  const attached = importStrace(
    lines(
      "7 mprotect(0x7f0000004000, 4096, PROT_READ) = 0",
      `7 mmap(NULL, 8192, ${ANON}) = 0x7f0000001000`,
      `7 mmap(NULL, 4096, ${ANON}) = 0x7f0000000000`,
    ),
  );

  test("has the mappings that its calls name", () => {
    expect(attached.maps(7)).toEqual(["7f0000000000-7f0000003000 rw-p", "7f0000004000-7f0000005000 r--p"]);
    expect(attached.events.find((e) => e.request.call === "reveal")?.assumed).toEqual(["mapping"]);
  });

  test("shows where the kernel places, which then is predicted; what taught it is no prediction", () => {
    const [first, second] = attached.events.filter((e) => e.request.call === "mmap");
    expect(first?.assumed).toEqual(["outcome"]);
    expect(second?.assumed).toBeUndefined();
    expect(attached.summary).toMatchObject({ decided: 2, predicted: 2 });
  });
});

describe("tasks", () => {
  test("a child's first calls may come before its parent's fork returns", () => {
    const { events, state } = importStrace(
      lines(
        `7 mmap(NULL, 8192, ${ANON}) = 0x7f0000001000`,
        "7 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>",
        "8 munmap(0x7f0000001000, 4096) = 0",
        "7 <... clone resumed>, child_tidptr=0x7f0000001a10) = 8",
      ),
    );
    expect(events.map((e) => e.request.call).slice(-2)).toEqual(["clone", "munmap"]);
    expect(state.tasks.get(8 as Pid)?.parent).toBe(7);
  });

  test("an orphan becomes the child of the ancestor that asked for orphans", () => {
    const { state } = importStrace(
      lines(
        "7 prctl(PR_SET_CHILD_SUBREAPER, 1) = 0",
        "7 fork() = 8",
        "8 fork() = 9",
        "8 exit_group(0) = ?",
        "8 +++ exited with 0 +++",
        `9 mmap(NULL, 4096, ${ANON}) = 0x7f0000000000`,
      ),
    );
    expect(state.tasks.get(9 as Pid)?.parent).toBe(7);
  });

  test("vfork's child shares the address space until it execs or exits", () => {
    const { state } = importStrace(
      lines(
        "7 vfork( <unfinished ...>",
        `8 mmap(NULL, 4096, ${ANON}) = 0x7f0000000000`,
        "8 exit_group(1) = ?",
        "8 +++ exited with 1 +++",
        "7 <... vfork resumed>) = 8",
        "7 wait4(8, [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], 0, NULL) = 8",
      ),
    );
    expect(state.tasks.has(8 as Pid)).toBe(false);
    const parent = state.tasks.get(7 as Pid);
    expect(parent?.state).toBe("running");
    expect(parent && state.mms.get(parent.mm)).toMatchObject({ mmUsers: 1, totalVm: 1 });
  });

  test("a thread that execs takes its leader's place", () => {
    const { state } = importStrace(
      lines(
        "7 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, stack=0x7f0000000000, stack_size=0x1000}, 88) = 9",
        '9 execve("/bin/new", ["new"], 0x7ffd00000000 /* 0 vars */ <unfinished ...>',
        "7 +++ superseded by execve in pid 9 +++",
        "7 <... execve resumed>) = 0",
        "7 brk(NULL) = 0x555555559000",
      ),
    );
    expect([...state.tasks.keys()]).toEqual([7]);
    expect(state.tasks.get(7 as Pid)?.comm).toBe("new");
  });

  test("a signal that kills ends every thread", () => {
    const { state, events } = importStrace(
      lines(
        "7 clone(child_stack=0x7f0000000000, flags=CLONE_VM|CLONE_SIGHAND|CLONE_THREAD) = 9",
        "9 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---",
        "9 +++ killed by SIGSEGV (core dumped) +++",
        "7 +++ killed by SIGSEGV (core dumped) +++",
      ),
    );
    expect(events.filter((e) => e.request.call === "kill")).toHaveLength(1);
    expect(state.mms.size).toBe(0);
  });
});

describe("calls of threads that overlap", () => {
  const start = [
    `7 mmap(NULL, 4096, ${ANON}) = 0x7f0000004000`,
    "7 clone(child_stack=0x7f0000000000, flags=CLONE_VM|CLONE_SIGHAND|CLONE_THREAD) = 9",
  ];

  test("are taken in the order in which their results fit", () => {
    const { summary } = importStrace(
      lines(
        ...start,
        `7 mmap(NULL, 4096, ${ANON} <unfinished ...>`,
        `9 mmap(NULL, 4096, ${ANON}) = 0x7f0000002000`,
        "7 <... mmap resumed>) = 0x7f0000003000",
      ),
    );
    expect(summary).toMatchObject({ decided: 3, predicted: 3 });
    expect(summary.notes.map((n) => n.note)).toContainEqual(
      expect.stringContaining("only so do their results fit"),
    );
  });

  test("but never before one that had returned when they were made", () => {
    const { events } = importStrace(
      lines(
        ...start,
        `9 mmap(NULL, 4096, ${ANON}) = 0x7f0000002000`,
        `7 mmap(NULL, 4096, ${ANON}) = 0x7f0000003000`,
      ),
    );
    expect(events.filter((e) => e.request.call === "mmap").map((e) => e.line)).toEqual([1, 3, 4]);
  });
});

describe("files", () => {
  test("a mapping knows the file behind its descriptor, or behind what -y says", () => {
    const { maps } = importStrace(
      lines(
        '7 openat(AT_FDCWD, "/data/a", O_RDONLY) = 3',
        "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000004000",
        "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 5</data/b>, 0) = 0x7f0000003000",
        '7 unlink("/data/a") = 0',
      ),
    );
    expect(maps(7)).toEqual([
      "7f0000003000-7f0000004000 r--p /data/b",
      "7f0000004000-7f0000005000 r--p /data/a (deleted)",
    ]);
  });

  test("a descriptor that the trace did not see opened is named as such, and noted", () => {
    const { maps, summary } = importStrace(
      lines("7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000004000"),
    );
    expect(maps(7)).toEqual(["7f0000004000-7f0000005000 r--p /?/descriptor 3"]);
    expect(summary.notes).toHaveLength(2);
  });
});

describe("calls whose answer or arguments stand in an argument", () => {
  const before = `7 mmap(NULL, 16384, ${ANON}) = 0x7f0000004000`;
  const calls = (...text: readonly string[]) => {
    const { events, maps } = importStrace(lines(before, ...text));
    const named = events.filter(({ line = 1 }) => line > 1);
    const asked = named.map(({ request, outcome, divergence }) => ({ request, outcome, divergence }));
    return { asked, maps: maps(7) };
  };

  test("io_setup answers the address of its ring, and io_destroy takes the ring away", () => {
    const { asked, maps } = calls(
      "7 io_setup(128, [0x7f0000001000]) = 0",
      "7 io_setup(1, [0x7f0000000000]) = 0",
      "7 io_destroy(0x7f0000001000) = 0",
    );
    expect(asked).toMatchObject([
      { request: { call: "io_setup", events: 128 }, outcome: { ret: 0x7f0000001000 }, divergence: undefined },
      { request: { call: "io_setup", events: 1 }, outcome: { ret: 0x7f0000000000 }, divergence: undefined },
      { request: { call: "io_destroy", ctx: 0x7f0000001000 }, outcome: { ret: 0 }, divergence: undefined },
    ]);
    expect(maps).toEqual([
      "7f0000000000-7f0000001000 rw-s /[aio] (deleted)",
      "7f0000004000-7f0000008000 rw-p",
    ]);
  });

  test("a ring that the kernel put elsewhere is followed there, and taken away there", () => {
    const { asked, maps } = calls(
      "7 io_setup(128, [0x7f0000100000]) = 0",
      "7 io_destroy(0x7f0000100000) = 0",
    );
    expect(asked).toMatchObject([
      { outcome: { ret: 0x7f0000100000 }, divergence: { ret: 0x7f0000001000 } },
      { outcome: { ret: 0 }, divergence: undefined },
    ]);
    expect(maps).toEqual(["7f0000004000-7f0000008000 rw-p"]);
  });

  test("an io_setup that was handed no empty context is taken as given", () => {
    expect(calls("7 io_setup(128, 0x7ffe00000000) = -1 EINVAL (Invalid argument)").asked).toMatchObject([
      { request: { call: "given", name: "io_setup" }, outcome: { errno: "EINVAL" } },
    ]);
  });

  test("mbind splits off what it is for, and joins what it was for", () => {
    const bound =
      "7 mbind(0x7f0000005000, 4096, MPOL_BIND|MPOL_F_STATIC_NODES, [0x0000000000000001], 64, 0) = 0";
    const { asked, maps } = calls(bound);
    expect(asked).toMatchObject([
      { request: { call: "mbind", mode: 0x8002, nodes: 1, flags: 0 }, divergence: undefined },
    ]);
    expect(maps).toHaveLength(3);
    expect(calls(bound, "7 mbind(0x7f0000004000, 16384, MPOL_DEFAULT, NULL, 0, 0) = 0").maps).toHaveLength(1);
  });

  test("mbind to nodes that the model does not have is followed", () => {
    const { asked, maps } = calls(
      "7 mbind(0x7f0000005000, 4096, MPOL_BIND, [0x0000000000000002], 64, 0) = 0",
    );
    expect(asked).toMatchObject([{ outcome: { ret: 0 }, divergence: { errno: "EINVAL" } }]);
    expect(maps).toHaveLength(3);
  });

  test("process_mrelease is asked of the process that strace names", () => {
    expect(calls("7 process_mrelease(3<pid:7>, 0) = -1 EINVAL (Invalid argument)").asked).toMatchObject([
      { request: { call: "process_mrelease", target: 7, flags: 0 }, divergence: undefined },
    ]);
  });

  test("memfd_secret is secret memory: locked, and never private", () => {
    const { asked } = calls(
      "7 memfd_secret(0) = 4</secretmem>(deleted)",
      "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 4</secretmem>(deleted), 0) = -1 EINVAL (Invalid argument)",
    );
    expect(asked.at(-1)).toMatchObject({ request: { call: "mmap" }, divergence: undefined });
  });
});

describe("memory that a program may write to", () => {
  const loading = [
    '7 openat(AT_FDCWD, "/lib/a", O_RDONLY) = 3',
    "7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000002000",
    "7 mmap(0x7f0000003000, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x7f0000003000",
    "7 close(3) = 0",
    `7 mmap(NULL, 4096, ${ANON}) = 0x7f0000001000`,
  ];
  const anonVma = (text: readonly string[], page: number): number | undefined =>
    mmOf(importStrace(lines(...text)).state, 7 as Pid)?.vmas.find(page)?.anonVma;

  test("is not written to behind a mapped file, while the program only opens and reads files", () => {
    expect(importStrace(lines(...loading)).events.at(-1)?.ran).toBe("loading");
    expect(anonVma(loading, 0x7f0000003)).toBe(0);
  });

  test("is written to once it does other things", () => {
    expect(
      anonVma([...loading, "7 getpid() = 7", "7 munmap(0x7f0000002000, 4096) = 0"], 0x7f0000003),
    ).not.toBe(0);
  });

  test("is written to once it turns to other memory, if mmap gave it", () => {
    const fresh = `7 mmap(NULL, 4096, ${ANON}) = 0x7f0000001000`;
    expect(anonVma([fresh, "7 madvise(0x7f0000001000, 4096, MADV_DONTDUMP) = 0"], 0x7f0000001)).toBe(0);
    expect(anonVma([fresh, "7 munmap(0x7f0000005000, 4096) = 0"], 0x7f0000001)).not.toBe(0);
  });
});

describe("limits", () => {
  test("that a call shows are learnt, and hold from then on", () => {
    const { summary, state } = importStrace(
      lines(
        "7 prlimit64(0, RLIMIT_AS, NULL, {rlim_cur=40960, rlim_max=40960}) = 0",
        `7 mmap(NULL, 1048576, ${ANON}) = -1 ENOMEM (Cannot allocate memory)`,
      ),
    );
    expect(summary).toMatchObject({ decided: 1, predicted: 1 });
    expect(state.groups.get(7 as Pid)?.limits.as).toEqual({ soft: 40960, hard: 40960 });
  });
});

describe("traces that cannot be modelled", () => {
  test("are refused when they are of another architecture", () => {
    const importer = new StraceImporter({ system: NO_FILES, sink: { start: () => {}, event: () => {} } });
    importer.push(lines(`7 mmap(NULL, 8192, ${ANON}) = 0xffff8a5ea000`));
    importer.end();
    expect(importer.refusal).toContain("another architecture");
  });

  test("but a line that makes no sense is only counted", () => {
    const { summary } = importStrace(lines("7 brk(NULL) = 0x1000", "7 mmap(((", "7 brk(NULL) = 0x1000"));
    expect(summary.unreadable.count).toBe(1);
    expect(summary.unreadable.first[0]).toMatchObject({ line: 2 });
  });
});

describe("a recording from an older kernel", () => {
  const begin = '7 execve("./h", ["./h"], 0x7ffd00000000 /* 1 var */) = 0';
  const trace = lines(
    begin,
    "7 brk(NULL) = 0x555555555000",
    `7 mmap(NULL, 4194304, ${ANON}, -1, 0) = 0x7ffff7bc3000`,
    `7 mmap(NULL, 4194304, ${ANON}, -1, 0) = 0x7ffff77c3000`,
  );

  test("is predicted by the rules of its release", () => {
    const old = importStrace(trace, NO_FILES, "6.1");
    expect(old.summary.divergences.first).toEqual([]);
    expect(old.state?.profile.release).toBe("6.1");
    expect(importStrace(trace).summary.divergences.count).toBeGreaterThan(0);
  });

  test("has its vdso above the stack under randomisation, at a place that is assumed", () => {
    const random = lines(
      begin,
      "7 brk(NULL) = 0x55d0a8a4e000",
      `7 mmap(NULL, 8192, ${ANON}, -1, 0) = 0x7f2b1c9f5000`,
    );
    const { events, maps } = importStrace(random, NO_FILES, "6.1");
    const exec = events.find(({ request }) => request.call === "execve");
    expect(exec?.assumed).toContain("vdso");
    const names = maps(7).map((line) => line.slice(line.lastIndexOf("[")));
    expect(names.slice(-3)).toEqual(["[stack]", "[vvar]", "[vdso]"]);
    expect(importStrace(random).events.some(({ assumed }) => assumed?.includes("vdso"))).toBe(false);
  });
});

describe("32-bit programs", () => {
  const begin = '7 execve("./h", ["./h"], 0x7ffd00000000 /* 1 var */) = 0';
  const BRK = "7 brk(NULL) = 0x56559000";
  const first = `7 mmap2(NULL, 8192, ${ANON}, -1, 0) = 0xf7fbf000`;

  test("have an address space of their own kind", () => {
    const { summary, state } = importStrace(lines(begin, BRK, first));
    expect(summary.predicted).toBe(summary.decided);
    const [mm] = [...(state?.mms.values() ?? [])];
    expect(mm?.layout.name).toBe("ia32");
  });

  test("are told from 64-bit ones that make 32-bit calls, which are placed by a base of their own", () => {
    const mixed = lines(
      begin,
      "7 brk(NULL) = 0x555555559000",
      `7 mmap(NULL, 8192, ${ANON}, -1, 0) = 0x7ffff7fc0000`,
      `7 mmap2(NULL, 8192, ${ANON}, -1, 0) = 0xf7ffc000`,
      `7 mmap(NULL, 8192, ${ANON}, -1, 0) = 0x7ffff7fbe000`,
    );
    const { events, summary, state } = importStrace(mixed);
    expect([...(state?.mms.values() ?? [])].map((mm) => mm.layout.name)).toEqual(["x86-64"]);
    expect(summary.predicted).toBe(summary.decided);
    const entries = events.map(({ request }) => (request.call === "mmap" ? request.entry : 0));
    expect(entries.filter((entry) => entry !== 0)).toEqual([undefined, 32, undefined]);
  });

  test("a call of either name is known by strace's notes, where the trace has them", () => {
    const { events, summary } = importStrace(
      lines(
        begin,
        "7 brk(NULL) = 0x555555559000",
        `7 mmap(NULL, 8192, ${ANON}, -1, 0) = 0x7ffff7fc0000`,
        "strace: [ Process PID=7 runs in 32 bit mode. ]",
        `7 mmap2(NULL, 8192, ${ANON}, -1, 0) = 0xf7ffc000`,
        `7 mmap2(NULL, 4096, ${ANON}, -1, 0) = 0xf7ffb000`,
        "7 mremap(0xf7ffb000, 4096, 8192, MREMAP_MAYMOVE) = 0xf7ff9000",
        "strace: [ Process PID=7 runs in 64 bit mode. ]",
        "7 mremap(0x7ffff7fc0000, 8192, 12288, MREMAP_MAYMOVE) = 0x7ffff7fbd000",
      ),
    );
    expect(summary.divergences.first).toEqual([]);
    const entries = events.map(({ request }) => (request.call === "mremap" ? request.entry : 0));
    expect(entries.filter((entry) => entry !== 0)).toEqual([32, undefined]);
  });

  test("that were there before the trace are placed by what their first mapping shows", () => {
    const { events, summary } = importStrace(
      lines(
        `7 mmap2(NULL, 8192, ${ANON}, -1, 0) = 0xf7fbf000`,
        `7 mmap2(NULL, 8192, ${ANON}, -1, 0) = 0xf7fbd000`,
      ),
    );
    expect(summary.divergences.first).toEqual([]);
    expect(events.some(({ request }) => request.call === "mmap" && request.entry !== undefined)).toBe(false);
  });

  test("may be followed by a 64-bit one", () => {
    const next = '7 execve("/bin/k", ["k"], 0xffffde70 /* 1 var */) = 0';
    const { state } = importStrace(
      lines(
        begin,
        BRK,
        first,
        next,
        "7 brk(NULL) = 0x555555559000",
        `7 mmap(NULL, 8192, ${ANON}) = 0x7ffff7fc0000`,
      ),
    );
    expect([...(state?.mms.values() ?? [])].map((mm) => mm.layout.name)).toEqual(["x86-64"]);
  });
});

describe("an exec that failed", () => {
  const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
  const files: SystemFiles = {
    realpath: (path) => path,
    read: (path, offset, length) =>
      path === "/data" ? text("no program").slice(offset, offset + length) : undefined,
  };

  const decided = (result: string, path = "/data", args = '["data"]'): string => {
    const line = `7 execve("${path}", ${args}, 0x7ffd00000000 /* 1 var */) = -1 ${result} (text)`;
    const { events, summary } = importStrace(lines(line), files);
    const [event] = events.filter(({ request }) => request.call === "execve");
    if (!event || !isDecided(event)) return "given";
    return summary.divergences.count === 0 ? "predicted" : `diverges: ${JSON.stringify(event.divergence)}`;
  };

  test("of a file that is known is predicted from what the file is", () => {
    expect(decided("ENOEXEC")).toBe("predicted");
    expect(decided("ELIBBAD")).toContain('"ENOEXEC"');
  });

  test("is taken as given where rights, memory or a missing file may have decided it", () => {
    for (const errno of ["EACCES", "ENOENT", "ETXTBSY", "ENOMEM"]) expect(decided(errno)).toBe("given");
    expect(decided("ENOEXEC", "/unknown")).toBe("given");
  });

  test("for its arguments is predicted only if all of their bytes were shown", () => {
    expect(decided("E2BIG")).toBe("given");
    expect(decided("E2BIG", "/data", '["data"...]')).toBe("given");
  });
});

test("rings of io_uring are mapped by the name that has no directory", () => {
  const text = [
    "42 io_uring_setup(64, {flags=0, sq_entries=64}) = 3",
    "42 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_POPULATE, 3, 0x10000000) = 0x7ffff7e7b000",
  ];
  const { maps } = importStrace(`${text.join("\n")}\n`);
  expect(maps(42).join("\n")).toContain("rw-s anon_inode:[io_uring]");
});

describe("a process that does not want to know of its children", () => {
  const fork =
    "42 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0000000000) = 43";
  const end = ["43 exit_group(0) = ?", "43 +++ exited with 0 +++"];
  const sigchld = (action: string): string =>
    `42 rt_sigaction(SIGCHLD, {${action}, sa_mask=[]}, NULL, 8) = 0`;

  test.each([
    ["ignores SIGCHLD", sigchld("sa_handler=SIG_IGN, sa_flags=SA_RESTORER"), undefined],
    ["asks for none to wait", sigchld("sa_handler=SIG_DFL, sa_flags=SA_RESTORER|SA_NOCLDWAIT"), undefined],
    ["handles it", sigchld("sa_handler=0x561f44102570, sa_flags=SA_RESTORER"), "zombie"],
    [
      "asks how it is",
      "42 rt_sigaction(SIGCHLD, NULL, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, 8) = 0",
      "zombie",
    ],
    [
      "is not allowed to",
      "42 rt_sigaction(SIGCHLD, {sa_handler=SIG_IGN, sa_flags=0}, NULL, 8) = -1 EFAULT (Bad address)",
      "zombie",
    ],
  ])("and %s", (_, line, state) => {
    const { state: last } = importStrace(lines(line, fork, ...end));
    expect(last.tasks.get(43 as Pid)?.state).toBe(state);
  });

  test("says it once, and takes it back", () => {
    const ignore = sigchld("sa_handler=SIG_IGN, sa_flags=0");
    const { events } = importStrace(lines(ignore, ignore, sigchld("sa_handler=SIG_DFL, sa_flags=0")));
    const told = events.filter(({ request }) => request.call === "autoreap");
    expect(told.map(({ request, line }) => [request, line])).toEqual([
      [{ call: "autoreap", on: 1 }, 1],
      [{ call: "autoreap", on: 0 }, 3],
    ]);
  });
});
