import { CLONE, MADV, MAP, PAGE_SIZE, type Pid, pid, type Request } from "@pagetrail/core";
import fc from "fast-check";

/** A request of one of the processes. */
export interface Asking {
  readonly tid: Pid;
  readonly request: Request;
}

const WINDOW = 0x20000000;
const TASK_SIZE = 2 ** 47 - PAGE_SIZE;

/** Places of a small window, so that ranges meet; and page 0, the top, what is unaligned or far outside. */
const address: fc.Arbitrary<number | bigint> = fc.oneof(
  { weight: 20, arbitrary: fc.nat(12).map((page) => WINDOW + page * PAGE_SIZE) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<number | bigint>(0, 1, PAGE_SIZE, WINDOW + 8, TASK_SIZE, 2n ** 64n - 4096n),
  },
  { weight: 1, arbitrary: fc.constant(TASK_SIZE - PAGE_SIZE) },
);

const length: fc.Arbitrary<number | bigint> = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 6 }).map((pages) => pages * PAGE_SIZE) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<number | bigint>(0, 1, 4097, TASK_SIZE, 2n ** 64n - 1n, 2n ** 63n),
  },
  // Room for huge pages.
  { weight: 2, arbitrary: fc.constant(1024 * PAGE_SIZE) },
);

/** Where memory is touched: in the window, and in the large mappings that begin there. */
const place = fc.oneof(
  { weight: 4, arbitrary: fc.nat(12).map((page) => WINDOW + page * PAGE_SIZE) },
  { weight: 1, arbitrary: fc.constantFrom(511, 512, 700).map((page) => WINDOW + page * PAGE_SIZE) },
);

const prot = fc.oneof({ weight: 3, arbitrary: fc.constant(3) }, { weight: 2, arbitrary: fc.nat(7) });

const A = MAP.ANONYMOUS;
const mapFlags = fc.constantFrom(
  ...[MAP.PRIVATE | A, MAP.PRIVATE | A | MAP.FIXED, MAP.PRIVATE | A | MAP.FIXED, MAP.PRIVATE | A | MAP.FIXED],
  ...[MAP.SHARED | A | MAP.FIXED, MAP.SHARED | A, MAP.PRIVATE | A | MAP.FIXED | MAP.GROWSDOWN],
  ...[
    MAP.DROPPABLE | A | MAP.FIXED,
    MAP.PRIVATE | A | MAP.FIXED | MAP.LOCKED,
    MAP.PRIVATE | A | MAP.FIXED_NOREPLACE,
  ],
  ...[MAP.PRIVATE | A | MAP.FIXED | MAP.NORESERVE, MAP.PRIVATE | A | MAP.FIXED | MAP.SYNC, A],
);

const file = fc.constantFrom(1, 2, -1);
const range = { addr: address, length };

const memory: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    call: fc.constant("mmap" as const),
    ...range,
    prot,
    flags: mapFlags,
    offset: fc.constant(0),
    file: fc.constant(0),
    entry: fc.constantFrom(64 as const, 64 as const, 32 as const),
  }),
  fc.record({
    call: fc.constant("mmap" as const),
    ...range,
    prot,
    flags: fc.constantFrom(MAP.PRIVATE, MAP.PRIVATE | MAP.FIXED, MAP.SHARED | MAP.FIXED, MAP.SHARED),
    offset: fc.nat(4).map((pages) => pages * PAGE_SIZE),
    file,
  }),
  fc.record({ call: fc.constant("munmap" as const), ...range }),
  fc.record({ call: fc.constant("mprotect" as const), ...range, prot }),
  fc.record({
    call: fc.constant("mremap" as const),
    addr: address,
    oldLength: length,
    newLength: length,
    flags: fc.constantFrom(0, 1, 1, 3, 3, 5, 7),
    newAddr: address,
  }),
  fc.record({
    call: fc.constant("madvise" as const),
    ...range,
    advice: fc.constantFrom(...Object.values(MADV)),
  }),
  fc.record({ call: fc.constant("mlock" as const), ...range, flags: fc.nat(1) }),
  fc.record({ call: fc.constant("munlock" as const), ...range }),
  fc.record({ call: fc.constant("mlockall" as const), flags: fc.nat(7) }),
  fc.record({
    call: fc.constant("mseal" as const),
    addr: address,
    length: fc.constant(PAGE_SIZE),
    flags: fc.constant(0),
  }),
  // The heap begins at 0 here; one that reached the window would have more pages than a test has time for.
  fc.record({ call: fc.constant("brk" as const), addr: fc.nat(40).map((page) => page * PAGE_SIZE) }),
  fc.record({
    call: fc.constant("shmat" as const),
    shm: fc.nat(1),
    addr: address,
    flags: fc.constantFrom(0, 0o20000, 0o40000),
  }),
  fc.record({ call: fc.constant("shmdt" as const), addr: address }),
  fc.record(
    {
      call: fc.constant("access" as const),
      addr: place,
      kind: fc.constantFrom("read", "write", "exec"),
      value: fc.constantFrom("01", "0203"),
    },
    { requiredKeys: ["call", "addr"] },
  ),
  fc.record({
    call: fc.constant("access" as const),
    addr: place,
    kind: fc.constantFrom("read", "write", "write"),
  }),
  fc.record({
    call: fc.constant("cached" as const),
    file: fc.constantFrom(1, 2),
    start: fc.nat(4),
    end: fc.nat(8),
  }),
  fc.record({
    call: fc.constant("setrlimit" as const),
    target: fc.constant(0),
    resource: fc.constantFrom("as", "data", "stack", "memlock"),
    soft: fc.nat(40).map((pages) => pages * PAGE_SIZE),
    hard: fc.constant(Number.POSITIVE_INFINITY),
  }),
);

/** Processes 1 to 4 come and go: forks, threads, vforks, exits and waits. */
const someone = fc.integer({ min: 1, max: 4 }).map(pid);

const lives: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    call: fc.constant("clone" as const),
    flags: fc.constantFrom(
      17,
      17,
      CLONE.VM | CLONE.SIGHAND | CLONE.THREAD,
      CLONE.VM | CLONE.VFORK,
      CLONE.SIGHAND,
    ),
    child: someone,
  }),
  fc.record({ call: fc.constant("exit" as const), code: fc.constant(0) }),
  fc.record({ call: fc.constant("exit_group" as const), code: fc.constant(0) }),
  fc.record({ call: fc.constant("kill" as const), signal: fc.constant("SIGKILL") }),
  fc.record({ call: fc.constant("reap" as const), child: someone }),
);

const VMALLOC_64 = 0xffffc90000000000n;
const FIX_KMAP_32 = 0xfffff000n - 68n * 4096n;

/** Kernel code maps and unmaps in its own half; places of a 64-bit and of a 32-bit kernel. */
const inKernel: fc.Arbitrary<Request> = fc.oneof(
  fc.record(
    {
      call: fc.constant("vmalloc" as const),
      bytes: fc.constantFrom<number | bigint>(0, 1, 4096, 10_000, 2 ** 40, 2n ** 63n),
      caller: fc.constantFrom("kernel_clone", "load_module"),
    },
    { requiredKeys: ["call", "bytes"] },
  ),
  fc.record({
    call: fc.constant("vfree" as const),
    addr: fc.oneof(
      fc.nat(12).map((page) => VMALLOC_64 + BigInt(page) * 4096n),
      fc.nat(12).map((page) => 0xf8800000 + page * PAGE_SIZE),
      fc.constantFrom<number | bigint>(0, 8, VMALLOC_64 + 8n),
    ),
  }),
  fc.record(
    {
      call: fc.constant("vmap" as const),
      pfns: fc.array(frame(), { maxLength: 3 }),
      guard: fc.nat(1),
      caller: fc.constant("drm_gem_vmap"),
    },
    { requiredKeys: ["call", "pfns"] },
  ),
  fc.record({
    call: fc.constant("vunmap" as const),
    addr: fc.nat(12).map((page) => VMALLOC_64 + BigInt(page) * 4096n),
  }),
  fc.record({
    call: fc.constant("kmap_atomic" as const),
    pfn: frame(),
    cpu: fc.nat(1),
    type: fc.constantFrom("KM_USER0", "KM_IRQ1", "KM_NOTHING"),
  }),
  fc.record({
    call: fc.constant("kunmap_atomic" as const),
    cpu: fc.constantFrom(0, 1, 8),
    type: fc.constantFrom("KM_USER0", "KM_IRQ1"),
  }),
  fc.record({ call: fc.constantFrom("kmap" as const, "kunmap" as const), pfn: frame() }),
  fc.record({ call: fc.constant("kmap_local" as const), pfn: frame(), cpu: fc.constantFrom(0, 1, 8) }),
  fc.record({
    call: fc.constant("kunmap_local" as const),
    addr: fc.nat(17).map((slot) => Number(FIX_KMAP_32 - BigInt(slot) * 4096n)),
    cpu: fc.nat(1),
  }),
);

/** Of low memory, of high memory, or of none. */
function frame(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.nat(3).map((n) => 0x38000 + n),
    fc.constantFrom(5, 0x37fff, 2 ** 30),
  );
}

/** Requests of kernel code only. */
export const kernelRequests = (maxLength: number): fc.Arbitrary<readonly Request[]> =>
  fc.array(inKernel, { maxLength, size: "max" });

/** What CPUs 0 and 1 do with these processes, with the kernel threads 5 and 6, and with whoever holds memory. */
const anyone = fc.nat(6);
const cpu = fc.nat(2);
const holder = fc.constantFrom("a", "b", "c");

const turns: fc.Arbitrary<Request> = fc.record(
  {
    call: fc.constant("switch" as const),
    cpu,
    next: anyone,
    state: fc.constantFrom("R", "S", "D", "I", "T", "t", "P", "x"),
    unfinished: fc.nat(1),
  },
  { requiredKeys: ["call", "cpu", "next", "state"] },
);

const scheduled: fc.Arbitrary<Request> = fc.oneof(
  { weight: 8, arbitrary: turns },
  fc.record({ call: fc.constant("finish_task_switch" as const), cpu }),
  fc.record({ call: fc.constant("wake" as const), target: anyone.map((n) => n as Pid) }),
  fc.record({ call: fc.constant("migrate" as const), target: anyone.map((n) => n as Pid), cpu }),
  fc.record({ call: fc.constantFrom("cpu_online" as const, "cpu_offline" as const), cpu }),
  fc.record({
    call: fc.constant("kthread" as const),
    child: fc.constantFrom(pid(5), pid(6)),
    comm: fc.constant("kworker"),
  }),
  fc.record({
    call: fc.constantFrom("kthread_stop" as const, "kthread_park" as const, "kthread_unpark" as const),
    target: anyone.map((n) => n as Pid),
  }),
  fc.record({ call: fc.constantFrom("oom_kill" as const, "oom_reap" as const), target: someone }),
  fc.record({ call: fc.constant("coredump" as const), signal: fc.constant("SIGSEGV") }),
  fc.record({ call: fc.constant("use_mm" as const), target: someone }),
  fc.record({ call: fc.constant("unuse_mm" as const) }),
  fc.record({
    call: fc.constant("hold" as const),
    target: someone,
    counter: fc.constantFrom("users" as const, "count" as const),
    holder,
  }),
  fc.record({ call: fc.constant("release" as const), holder }),
  fc.record({ call: fc.constant("loaded" as const), comm: fc.constant("env") }),
  fc.record({ call: fc.constant("autoreap" as const), on: fc.nat(1) }),
);

/** Requests of tasks, kernel threads and idle CPUs, about scheduling for the most part. */
export const schedulings = (maxLength: number): fc.Arbitrary<readonly Asking[]> =>
  fc.array(
    fc.record({
      tid: anyone.map((n) => n as Pid),
      request: fc.oneof(
        { weight: 6, arbitrary: scheduled },
        { weight: 3, arbitrary: lives },
        { weight: 1, arbitrary: memory },
      ),
    }),
    { maxLength, size: "max" },
  );

/** What tells the machine of two files and a segment; a file is named again before it is mapped. */
export const PREPARED: readonly Request[] = [{ call: "shmget", key: 1, size: 3 * PAGE_SIZE, shm: 1 }];

/** The two files that requests map, as a log introduces them; only the first may be written to. */
export const FILES: readonly Request[] = [1, 2].map((id) => ({
  call: "file",
  file: {
    id: id as never,
    path: `/f${id}`,
    kind: "disk",
    readable: true,
    writable: id === 1,
    deleted: false,
  },
}));

/** Requests of one process about its memory. */
export const memoryRequests = (maxLength: number): fc.Arbitrary<readonly Request[]> =>
  fc.array(memory, { maxLength, size: "max" });

/** Requests of several processes, with their lives among them. */
export const askings = (maxLength: number): fc.Arbitrary<readonly Asking[]> =>
  fc.array(
    fc.record({
      tid: someone,
      request: fc.oneof(
        { weight: 5, arbitrary: memory },
        { weight: 1, arbitrary: lives },
        { weight: 1, arbitrary: inKernel },
      ),
    }),
    { maxLength, size: "max" },
  );
