import { MADV, PAGE_SIZE, type Pid, type Request } from "@pagetrail/core";
import fc from "fast-check";
import { execOf, fixed, pie } from "./images.ts";
import { type Asking, askings, kernelRequests, schedulings } from "./requests.ts";

const WINDOW = 0x20000000;
const addr = fc.nat(12).map((page) => WINDOW + page * PAGE_SIZE);
const length = fc.integer({ min: 1, max: 6 }).map((pages) => pages * PAGE_SIZE);
const target = fc.nat(6).map((n) => n as Pid);
const path = fc.constantFrom("/f1", "/f2", "/f3");
const range = { addr, length };

const is = <C extends Request["call"]>(...calls: readonly [C, ...C[]]): fc.Arbitrary<C> =>
  fc.constantFrom(...calls);

/** What other generators leave out: rare calls, programs that begin, names of files, the OOM killer. */
const rare: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ call: is("munlockall") }),
  fc.record({ call: is("msync"), ...range, flags: fc.nat(7) }),
  fc.record({ call: is("mincore"), ...range }),
  fc.record({ call: is("pkey_mprotect"), ...range, prot: fc.nat(7), pkey: fc.constantFrom(-1, 0, 1) }),
  fc.record({
    call: is("remap_file_pages"),
    addr,
    size: length,
    prot: fc.constantFrom(0, 0, 1),
    pgoff: fc.nat(3),
    flags: fc.constant(0),
  }),
  fc.record({
    call: is("process_madvise"),
    target: fc.constantFrom(0, 1, 2, -1),
    ranges: fc.array(fc.tuple(addr, length), { maxLength: 3 }),
    advice: fc.constantFrom(...Object.values(MADV)),
    flags: fc.constantFrom(0, 0, 1),
  }),
  fc.record({ call: is("process_mrelease"), target: fc.constantFrom(0, 1, 2, -1), flags: fc.constant(0) }),
  fc.record({
    call: is("mbind"),
    ...range,
    mode: fc.nat(5),
    nodes: fc.constantFrom(0, 1, 2),
    flags: fc.constantFrom(0, 0, 1),
  }),
  fc.record({ call: is("io_setup"), events: fc.constantFrom(0, 1, 200), cpus: fc.constant(2) }),
  fc.record({ call: is("io_destroy"), ctx: addr }),
  fc.record({ call: is("personality"), persona: fc.constantFrom(0, 0x40000, 0x200000, 0x400000) }),
  fc.record({ call: is("prctl"), option: fc.constantFrom(41, 42, 65, 66, 67, 68), arg: fc.nat(3) }),
  fc.record({ call: is("shmget"), key: fc.constant(2), size: length, shm: fc.nat(2) }),
  fc.record({ call: is("shmrm"), shm: fc.nat(2) }),
  fc.record({ call: is("unlink"), path }),
  fc.record({ call: is("rename"), from: path, to: path }),
  fc.record({ call: is("given"), name: fc.constant("arch_prctl") }),
  fc
    .constantFrom(fixed, pie())
    .map((image): Request => ({ call: "execve", path: "/p", load: execOf(image) })),
  fc.record({ call: is("kthread_stop", "kthread_park", "kthread_unpark", "oom_kill", "oom_reap"), target }),
  fc.record({ call: is("coredump"), signal: fc.constant("SIGSEGV") }),
  fc.record({
    call: is("vmap"),
    pfns: fc.array(fc.integer({ min: 0x2000, max: 0x2010 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    call: is("vunmap"),
    addr: fc.nat(12).map((page) => 0xffffc90000000000n + BigInt(page) * 4096n),
  }),
  fc.record({ call: is("abandon"), why: fc.constant("a test says so") }),
);

/** Mostly the first process, so that most of what is asked finds somebody to ask it. */
const asker = fc.constantFrom(1, 1, 1, 2, 3).map((n) => n as Pid);

/**
 * Requests of every kind there is, of several tasks; of kernel threads and CPUs too where the machine has any.
 *
 * @param cpus CPUs that the log tells of
 */
export const everyRequest = (maxLength: number, cpus: number): fc.Arbitrary<readonly Asking[]> =>
  fc
    .tuple(
      askings(maxLength),
      cpus > 0 ? schedulings(maxLength) : fc.constant([]),
      kernelRequests(Math.floor(maxLength / 4)),
      fc.array(fc.record({ tid: asker, request: rare }), { maxLength, size: "max" }),
      fc.array(fc.nat(3), { minLength: maxLength, maxLength }),
    )
    .map(([common, scheduled, inKernel, others, order]) => {
      const kernel = inKernel.map((request): Asking => ({ tid: 1 as Pid, request }));
      const lists = [common, scheduled, kernel, others].map((list) => [...list]);
      return order.flatMap((n) => lists[n]?.shift() ?? []);
    });
