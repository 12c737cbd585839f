/** Writes lines as perf script does, one microsecond apart. */
export class PerfText {
  #lines: string[] = [];
  #micros: number;

  /** @param start seconds of the first line */
  constructor(start = 100) {
    this.#micros = start * 1e6;
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  /** Any event of a task. */
  line(tid: number, event: string, comm = "demo"): this {
    this.#micros += 1;
    const time = (this.#micros / 1e6).toFixed(6);
    this.#lines.push(`${comm.padStart(16)} ${tid} [000] ${time}: ${event}`);
    return this;
  }

  /** A frame of the call chain of the line before: `poll+0x10 (/lib/libc.so.6)`. */
  frame(address: number | bigint, where: string): this {
    this.#lines.push(`\t${address.toString(16).padStart(16)} ${where}`);
    return this;
  }

  /** Lets time go by. */
  wait(micros: number): this {
    this.#micros += micros;
    return this;
  }

  /** A call by its number, with its result or without, as the raw tracepoints have it. */
  call(tid: number, nr: number, args: readonly number[], ret?: number): this {
    const words = [...args, 0, 0, 0, 0, 0, 0]
      .slice(0, 6)
      .map((n) => BigInt.asUintN(64, BigInt(n)).toString(16));
    this.line(tid, `raw_syscalls:sys_enter: NR ${nr} (${words.join(", ")})`);
    return ret === undefined ? this : this.returns(tid, nr, ret);
  }

  returns(tid: number, nr: number, ret: number): this {
    return this.line(tid, `raw_syscalls:sys_exit: NR ${nr} = ${ret}`);
  }

  /** A fault of the program, or of the kernel for it; 4 reads, 6 writes, 0x14 executes. */
  fault(tid: number, address: number, code: number, by: "user" | "kernel" = "user"): this {
    const place = by === "user" ? "0x401000" : "copy_to_user";
    return this.line(
      tid,
      `exceptions:page_fault_${by}: address=0x${address.toString(16)} ip=${place} error_code=0x${code.toString(16)}`,
    );
  }

  mmap2(
    tid: number,
    start: number,
    length: number,
    perms: string,
    path: string,
    identity = "00:00 0 0",
    offset = 0,
  ): this {
    const place = `[0x${start.toString(16)}(0x${length.toString(16)}) @ 0x${offset.toString(16)} ${identity}]`;
    return this.line(tid, `PERF_RECORD_MMAP2 ${tid}/${tid}: ${place}: ${perms} ${path}`);
  }

  /** All that a new program's records show: name, code, loader and vdso. */
  exec(tid: number, path: string): this {
    return this.line(tid, `PERF_RECORD_COMM exec: demo:${tid}/${tid}`)
      .mmap2(tid, 0x555555555000, 0x1000, "r-xp", path, "fe:00 7 0")
      .mmap2(tid, 0x7ffff7fc8000, 0x26000, "r-xp", "/lib/ld.so", "fe:00 8 0")
      .mmap2(tid, 0x7ffff7fc5000, 0x2000, "r-xp", "[vdso]")
      .line(tid, `sched:sched_process_exec: filename=${path} pid=${tid} old_pid=${tid}`)
      .returns(tid, 59, 0);
  }
}

/** System calls by name, for the tests' sake. */
export const NR = {
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  brk: 12,
  clone: 56,
  vfork: 58,
  execve: 59,
  exit: 60,
  wait4: 61,
  exit_group: 231,
  clone3: 435,
} as const;
