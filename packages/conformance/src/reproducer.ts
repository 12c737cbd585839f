import { readFileSync } from "node:fs";
import {
  CLONE,
  type Event,
  fail,
  isScheduled,
  type Outcome,
  ok,
  PAGE_SIZE,
  type Profile,
  type Request,
  type Result,
  type Word,
  wordHex,
} from "@pagetrail/core";
import { BUILD } from "./live-kernel.ts";
import { type Abi, hexOf, limitHex, RESOURCES, systemCall } from "./operation.ts";
import { describeOperation } from "./scenario.ts";

const RUNTIME = new URL("../src/program.h", import.meta.url);

/** Ends the writing. Thrown only inside the writer, which gives the reason as a value. */
class Inexpressible extends Error {
  override readonly name = "Inexpressible";
}

const cannot = (what: string): never => {
  throw new Inexpressible(what);
};

/**
 * The calls of a few events as one C file that needs nothing else: every process of the log is one of the program's,
 * they take turns in the log's order, and each call is printed with its result. The process that acts last then
 * prints its address space.
 *
 * What a log knows of a process that was there before it, and the program that it ran, the file does not have.
 * Refuses, in words, what it cannot ask of a kernel.
 *
 * @param about what the reader should know first, a line each
 */
export function reproducerProgram(
  profile: Profile,
  events: readonly Event[],
  about: readonly string[],
): Result<string, string> {
  try {
    return ok(new ProgramWriter(profile, events).text(about));
  } catch (error) {
    if (error instanceof Inexpressible) return fail(error.message);
    throw error;
  }
}

/** One statement in the order of the log, and which of the program's processes it is of. */
interface Step {
  readonly owner: number;
  readonly code: string;
  /** Nothing of this process runs behind it. */
  readonly ends: boolean;
  /** The process sleeps in it, as in vfork, or is gone: its turn is over before. */
  readonly last: boolean;
}

/** Descriptors below are the runtime's own. */
const FIRST_FILE = 60;
const FIRST_PIPE = 100;
/** Each has two descriptors, of which a program may have 1,024. */
const MOST_PROCESSES = 400;
/** Where nobody knows how long a file is. */
const FILE_SIZE = 2 ** 30;

class ProgramWriter {
  readonly #abi: Abi;
  /** The process of each task, by its number in the program. */
  readonly #owners = new Map<number, number>();
  /** Processes of which other tasks call as well. */
  readonly #threaded = new Set<number>();
  readonly #roots: number[] = [];
  readonly #files = new Map<number, { readonly fd: number; size: number; readonly isMemory: boolean }>();
  readonly #segments = new Map<number, number>();
  readonly #steps: Step[] = [];
  #processes = 0;

  constructor(
    private readonly profile: Profile,
    events: readonly Event[],
  ) {
    this.#abi = profile.layout === "i386" ? "i386" : "x86-64";
    for (const event of events) this.#take(event);
  }

  #take(event: Event): void {
    const { request: r, tid } = event;
    if (r.call === "adopt") this.#adopt(tid, r.tgid);
    else if (r.call === "file") this.#file(r);
    else if (r.call === "execve") this.#exec(event);
    else if (isScheduled(r)) cannot(`a ${r.call}, for which no program can ask`);
    else if (!SILENT.has(r.call)) this.#act(event);
  }

  #adopt(tid: number, tgid: number): void {
    const leader = tgid === tid ? undefined : this.#owners.get(tgid);
    this.#owners.set(tid, leader ?? this.#processes);
    if (leader !== undefined) return;
    this.#roots.push(this.#processes);
    this.#processes += 1;
  }

  #file({ file }: Request & { readonly call: "file" }): void {
    const known = this.#files.get(file.id);
    if (known && file.size !== undefined && file.size !== known.size) cannot("a file whose length changes");
    if (known || !["disk", "plain", "shmem"].includes(file.kind)) return;
    const fd = FIRST_FILE + this.#files.size;
    this.#files.set(file.id, { fd, size: file.size ?? FILE_SIZE, isMemory: file.kind === "shmem" });
  }

  /** The program itself is what a process runs that has done nothing yet. */
  #exec({ tid, outcome }: Event): void {
    const owner = this.#owner(tid);
    if (!("ret" in outcome)) cannot("an exec that fails");
    if (this.#steps.some((step) => step.owner === owner)) cannot("an exec among other calls");
  }

  #owner(tid: number): number {
    return this.#owners.get(tid) ?? cannot(`task ${tid}, which nothing makes`);
  }

  #act(event: Event): void {
    const owner = this.#owner(event.tid);
    const { call } = event.request;
    const ends = call === "exit_group" || call === "kill" || (call === "exit" && !this.#threaded.has(owner));
    const last = ends || (event.request.call === "clone" && (event.request.flags & CLONE.VFORK) !== 0);
    for (const code of this.#code(event, owner)) this.#steps.push({ owner, code, ends, last });
  }

  #code({ request: r, outcome }: Event, owner: number): readonly string[] {
    switch (r.call) {
      case "clone":
        return [this.#clone(r, outcome, owner)];
      case "exit_group":
        return [`call(EXIT_GROUP, ${r.code}, 0, 0);`];
      case "exit":
        return this.#threaded.has(owner) ? cannot("a thread's exit") : [`call(EXIT_GROUP, ${r.code}, 0, 0);`];
      case "kill":
        return ["call(KILL, call(GETPID, 0, 0, 0), 9, 0);"];
      case "reap":
        return [said(`wait4 ${r.child}`, `sys(WAIT4, pids[${this.#owner(r.child)}], 0, 0, 0, 0, 0)`)];
      case "access":
        return this.#touches(r);
      case "setrlimit": {
        const text = describeOperation({ request: r }, this.#abi);
        return [
          said(text, `limit(${RESOURCES[r.resource]}, 0x${limitHex(r.soft)}ull, 0x${limitHex(r.hard)}ull)`),
        ];
      }
      case "shmget":
        this.#segments.set(r.shm, this.#segments.size);
        return [`segments[${this.#segments.get(r.shm)}] = call(SHMGET, 0, ${r.size}, 01600);`];
      case "shmat":
        return [
          said(
            `shmat(${r.shm}, ${wordHex(r.addr)}, ${r.flags})`,
            `call(SHMAT, ${this.#segment(r.shm)}, ${number(r.addr)}, ${r.flags})`,
          ),
        ];
      case "shmrm":
        return [said(`shmctl(${r.shm}, IPC_RMID)`, `call(SHMCTL, ${this.#segment(r.shm)}, 0, 0)`)];
      case "process_madvise":
      case "process_mrelease":
        return r.target === 0 ? [this.#call(r)] : cannot(`${r.call} of another process`);
      default:
        return [this.#call(r)];
    }
  }

  #segment(shm: number): string {
    const found = this.#segments.get(shm);
    return found === undefined ? cannot("a segment from before") : `segments[${found}]`;
  }

  #clone(r: Request & { readonly call: "clone" }, outcome: Outcome, owner: number): string {
    if (!("ret" in outcome) || r.child === 0)
      return '{ long made = call(FORK, 0, 0, 0); if (made == 0) call(EXIT_GROUP, 0, 0, 0); answer("fork", made); }';
    if ((r.flags & CLONE.THREAD) !== 0) {
      this.#owners.set(r.child, owner);
      this.#threaded.add(owner);
      return `/* Task ${r.child} is a thread; what it calls, its process calls here. */`;
    }
    const child = this.#processes;
    this.#processes += 1;
    this.#owners.set(r.child, child);
    if ((r.flags & CLONE.VM) === 0)
      return `if ((pids[${child}] = call(FORK, 0, 0, 0)) == 0) process_${child}();`;
    if ((r.flags & CLONE.VFORK) === 0) return cannot("a process that shares its address space for good");
    return `if ((pids[${child}] = vfork_here()) == 0) process_${child}();`;
  }

  /** A touch for each page, as many as a program can make. */
  #touches({ addr, kind = "read", length = 1 }: Request & { readonly call: "access" }): readonly string[] {
    if (kind === "exec") return cannot("running an instruction");
    const start = Number(addr);
    const pages = Math.floor((start + length - 1) / PAGE_SIZE) - Math.floor(start / PAGE_SIZE) + 1;
    const isWrite = kind === "write" ? 1 : 0;
    if (pages === 1) return [said(`${kind} ${wordHex(addr)}`, `touch(${number(addr)}, ${isWrite})`)];
    const each = `for (word at = ${number(addr)}; at < ${number(start + length)}; at = (at | 4095) + 1) touch(at, ${isWrite});`;
    return [`${each} /* ${kind} ${pages} pages */`];
  }

  #call(r: Request): string {
    const fd = "file" in r && typeof r.file === "number" ? this.#descriptor(r.file) : undefined;
    const operation = fd === undefined ? { request: r } : { request: r, fd };
    const call = systemCall(operation, this.#abi) ?? cannot(r.call);
    const text = describeOperation(operation, this.#abi);
    if (r.call === "io_setup") return said(text, `setup_ring(${r.events})`);
    const data = `(long)(word[64]){${(call.data ?? []).map((word) => `(word)${number(word)}`).join(", ")}}`;
    const args = call.args.map((arg) => (arg === "@" ? data : number(arg)));
    if (call.name === "mincore") return said(text, `mincore(${args.join(", ")})`);
    return said(text, `sys(${call.number}, ${[...args, 0, 0, 0, 0, 0, 0].slice(0, 6).join(", ")})`);
  }

  #descriptor(file: number): number {
    if (file === 0) return -1;
    return this.#files.get(file)?.fd ?? cannot("a mapping of what is no ordinary file");
  }

  text(about: readonly string[]): string {
    if (this.#processes > MOST_PROCESSES) cannot(`${this.#processes} processes`);
    const width = this.#abi === "i386" ? "-m32 " : "";
    const processes = Array.from({ length: this.#processes }, (_, i) => i);
    const files = [...this.#files.values()].map(
      ({ fd, size, isMemory }) => `  file_at(${fd}, ${isMemory ? 1 : 0}, ${size}ll);`,
    );
    return `/*
${about.map((line) => ` * ${line.replaceAll("*/", "* /")}`).join("\n")}
 *
 * Build and run it so:
 *   gcc ${width}${BUILD.join(" ")} -o program program.c && ./program
 */
${readFileSync(RUNTIME, "utf8")}
${HELPERS[this.#abi]}

/* The program's processes by number, and the segments that they made: before a fork, of all that come of it. */
static __attribute__((unused)) long pids[${Math.max(1, this.#processes)}];
static __attribute__((unused)) long segments[${Math.max(1, this.#segments.size)}];

${processes.map((one) => `static __attribute__((noreturn)) void process_${one}(void);`).join("\n")}

${processes.map((one) => this.#process(one)).join("\n\n")}

__attribute__((used)) static void start(word *stack) {
  char **argv = (char **)(stack + 1);
  settle(0x40000, 0x${limitHex(this.profile.limits.stack.soft)}, argv, argv + stack[0] + 1);
  catch_faults();
  for (int one = 0; one < ${Math.max(1, this.#processes)}; one++) pipe_at(one);
${files.join("\n")}${files.length === 0 ? "" : "\n"}${this.#roots
  .map((root) => `  if ((pids[${root}] = call(FORK, 0, 0, 0)) == 0) process_${root}();`)
  .join("\n")}
  while (sys(WAIT4, -1, 0, 0, 0, 0, 0) > 0) {
  }
  call(EXIT_GROUP, 0, 0, 0);
}
`;
  }

  /** What one process does, in the order of the log: it waits for its turn, and hands it on. */
  #process(one: number): string {
    const lines: string[] = [];
    let isEnded = false;
    for (const [i, { owner, code, ends, last }] of this.#steps.entries()) {
      if (owner !== one) continue;
      const [before, next] = [this.#steps[i - 1], this.#steps[i + 1]];
      if (before && before.owner !== one) lines.push(`wait_for_turn(${one});`);
      const handOn = next && next.owner !== one ? [`pass_turn(${next.owner});`] : [];
      const report = next ? [] : ['print_filtered("/proc/self/smaps");'];
      lines.push(...(last ? [...handOn, ...report, code] : [code, ...handOn, ...report]));
      isEnded = ends;
      if (ends) break;
    }
    if (!isEnded) {
      lines.push("while (sys(WAIT4, -1, 0, 0, 0, 0, 0) > 0) {", "}");
      lines.push("call(EXIT_GROUP, 0, 0, 0);");
    }
    return `static void process_${one}(void) {\n${lines.map((line) => `  ${line}`).join("\n")}\n  __builtin_unreachable();\n}`;
  }
}

/** Calls that change nothing of an address space. */
const SILENT: ReadonlySet<Request["call"]> = new Set([
  ...(["given", "loaded", "layout", "unlink", "rename", "autoreap", "cached"] as const),
]);

const said = (text: string, code: string): string =>
  `answer("${text.replaceAll(/["\\]/g, "\\$&")}", ${code});`;

const number = (value: Word): string => (Number(value) < 0 ? String(value) : `0x${hexOf(value)}`);

const numbers = (exit: number, kill: number, getpid: number): string =>
  `enum { EXIT_GROUP = ${exit}, KILL = ${kill}, GETPID = ${getpid} };`;

const VFORK_64 = `static inline __attribute__((always_inline)) long vfork_here(void) {
  long ret;
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  __asm__ volatile("syscall" : "=a"(ret) : "a"(56), "D"(0x4111), "S"(0), "d"(0), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return ret;
}`;

const VFORK_32 = `static inline __attribute__((always_inline)) long vfork_here(void) {
  long ret;
  __asm__ volatile("int $0x80" : "=a"(ret) : "a"(120), "b"(0x4111), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
  return ret;
}`;

const COMMON = `
static __attribute__((unused)) void answer(const char *what, long result) {
  u64 number = (word)result;
  long length = 0;
  while (what[length]) length++;
  write_all(what, length);
  print(' ', &number, 1);
}

/* Each process reads its turns from a pipe of its own. */
static void pipe_at(int one) {
  int ends[2];
  call(PIPE, (long)ends, 0, 0);
  for (int end = 0; end < 2; end++) {
    call(DUP2, ends[end], ${FIRST_PIPE} + 2 * one + end, 0);
    call(CLOSE, ends[end], 0, 0);
  }
}

static __attribute__((unused)) void wait_for_turn(int one) {
  char turn;
  call(READ, ${FIRST_PIPE} + 2 * one, (long)&turn, 1);
}

static __attribute__((unused)) void pass_turn(int to) { call(WRITE, ${FIRST_PIPE} + 2 * to + 1, (long)"x", 1); }

/* A file that is gone from its folder, or was never in one. */
static __attribute__((unused)) void file_at(int number, int in_memory, long long size) {
  const char *path = "pagetrail-reproducer.file";
  long fd = in_memory ? call(MEMFD_CREATE, (long)path, 0, 0) : call(OPEN, (long)path, 0102, 0600);
  if (!in_memory) call(UNLINK, (long)path, 0, 0);
  call(FTRUNCATE, fd, (long)size, 0);
  call(DUP2, fd, number, 0);
  call(CLOSE, fd, 0, 0);
}
`;

const HELPERS: Readonly<Record<Abi, string>> = {
  "x86-64": `${numbers(231, 62, 39)}\n${COMMON}\n${VFORK_64}`.replace(
    "static inline",
    "static inline __attribute__((unused))",
  ),
  i386: `${numbers(252, 37, 20)}\n${COMMON}\n${VFORK_32}`.replace(
    "static inline",
    "static inline __attribute__((unused))",
  ),
};
