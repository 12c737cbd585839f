import { type FlatAnswer, FlatModel, type FlatPage } from "@pagetrail/conformance";
import {
  execute,
  initialState,
  type KernelState,
  MAP,
  mmapBase,
  mmOf,
  type Outcome,
  PAGE_SIZE,
  type Pid,
  REFERENCE_PROFILE,
  type Request,
  Transaction,
  VM,
  X86_64,
} from "@pagetrail/core";
import fc from "fast-check";
import { expect, test } from "vitest";

const WINDOW = 0x20000;
const HEAP = 0x10000;
const TOP = mmapBase(X86_64, 8 * 2 ** 20, { on: false, pages: 0 });

type Op =
  | {
      readonly op: "mmap";
      readonly at: number;
      readonly pages: number;
      readonly prot: number;
      readonly how: How;
      readonly what: What;
    }
  | { readonly op: "munmap"; readonly at: number; readonly pages: number }
  | { readonly op: "mprotect"; readonly at: number; readonly pages: number; readonly prot: number }
  | { readonly op: "brk"; readonly pages: number }
  | {
      readonly op: "mremap";
      readonly at: number;
      readonly pages: number;
      readonly newPages: number;
      readonly to: number;
    }
  | { readonly op: "fork" };

type How = "fixed" | "noreplace" | "anywhere";
type What = "anonymous" | "shared" | "private file" | "shared file";

/** Pages of the window, of the heap's place, and below the top where searches put things. */
const place = fc.oneof(
  { weight: 4, arbitrary: fc.nat(15).map((i) => WINDOW + i) },
  { weight: 1, arbitrary: fc.nat(7).map((i) => HEAP + i) },
  { weight: 1, arbitrary: fc.nat(15).map((i) => TOP - 1 - i) },
);
const size = fc.integer({ min: 1, max: 5 });
const prot = fc.constantFrom(0, 1, 3, 5);

const operation: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    op: fc.constant("mmap" as const),
    at: place,
    pages: size,
    prot,
    how: fc.constantFrom<How>("fixed", "fixed", "noreplace", "anywhere"),
    what: fc.constantFrom<What>("anonymous", "anonymous", "shared", "private file", "shared file"),
  }),
  fc.record({ op: fc.constant("munmap" as const), at: place, pages: size }),
  fc.record({ op: fc.constant("mprotect" as const), at: place, pages: size, prot }),
  fc.record({ op: fc.constant("brk" as const), pages: fc.integer({ min: -1, max: 8 }) }),
  fc.record({
    op: fc.constant("mremap" as const),
    at: place,
    pages: size,
    newPages: size,
    to: fc.oneof(place, fc.constant(0)),
  }),
  fc.record({ op: fc.constant("fork" as const) }),
);

/** Both models side by side. */
class Pair {
  flat = new FlatModel(TOP, HEAP);
  state: KernelState;
  private pid = 1 as Pid;

  constructor() {
    const tx = new Transaction(initialState(REFERENCE_PROFILE));
    execute(tx, {
      tid: this.pid,
      request: { call: "adopt", comm: "t", tgid: this.pid },
      outcome: { ret: 0 },
    });
    const task = tx.task(this.pid);
    const edit = tx.edit(tx.mm(task.mm), task);
    edit.set("startBrk", HEAP * PAGE_SIZE);
    edit.set("brk", HEAP * PAGE_SIZE);
    this.state = tx.commit(1);
  }

  /** Does the operation in both, and tells both answers; undefined when the flat model cannot judge it. */
  perform(op: Op): readonly [FlatAnswer, FlatAnswer] | undefined {
    switch (op.op) {
      case "mmap":
        return this.mmap(op);
      case "munmap": {
        const request = { call: "munmap", addr: op.at * PAGE_SIZE, length: op.pages * PAGE_SIZE } as const;
        return [this.flat.munmap(op.at, op.pages), this.ask(request)];
      }
      case "mprotect": {
        const request = {
          call: "mprotect",
          addr: op.at * PAGE_SIZE,
          length: op.pages * PAGE_SIZE,
          prot: op.prot,
        };
        return [this.flat.mprotect(op.at, op.pages, op.prot), this.ask(request as Request)];
      }
      case "brk": {
        const answer = this.ask({ call: "brk", addr: (HEAP + op.pages) * PAGE_SIZE });
        return [this.flat.brk(op.pages), typeof answer === "number" ? answer - HEAP : answer];
      }
      case "mremap":
        return this.mremap(op);
      case "fork":
        return this.fork();
    }
  }

  /** Attributes of every page that the real model maps. */
  pages(): ReadonlyMap<number, FlatPage> {
    const found = new Map<number, FlatPage>();
    for (const v of mmOf(this.state, this.pid)?.vmas.toArray() ?? []) {
      const file = v.file === 1 ? 1 : 0;
      for (let n = v.start as number; n < v.end; n++) {
        const offset = file === 0 ? 0 : v.pgoff + n - v.start;
        found.set(n, { prot: v.flags & 7, shared: (v.flags & VM.SHARED) !== 0, file, offset });
      }
    }
    return found;
  }

  private mmap(op: Extract<Op, { op: "mmap" }>): readonly [FlatAnswer, FlatAnswer] {
    const shared = op.what.startsWith("shared");
    const file = op.what.endsWith("file") ? 1 : 0;
    // A tmpfs file, for those of disks may be placed by a rule that this model does not know.
    const named = {
      id: 1 as never,
      path: "/f",
      kind: "shmem",
      readable: true,
      writable: true,
      deleted: false,
    } as const;
    if (file === 1) this.ask({ call: "file", file: named });
    const kind = (shared ? MAP.SHARED : MAP.PRIVATE) | (file === 0 ? MAP.ANONYMOUS : 0);
    const how = { fixed: MAP.FIXED, noreplace: MAP.FIXED_NOREPLACE, anywhere: 0 }[op.how];
    const offset = file === 0 ? 0 : op.at % 7;
    const request = {
      call: "mmap",
      addr: op.how === "anywhere" ? 0 : op.at * PAGE_SIZE,
      length: op.pages * PAGE_SIZE,
      prot: op.prot,
      flags: kind | how,
      offset: offset * PAGE_SIZE,
      file,
    } as const;
    const at = op.how === "anywhere" ? undefined : op.at;
    const page = { prot: op.prot, shared, file, offset };
    return [this.flat.mmap({ at, replace: op.how === "fixed", pages: op.pages, page }), this.ask(request)];
  }

  private mremap(op: Extract<Op, { op: "mremap" }>): readonly [FlatAnswer, FlatAnswer] | undefined {
    const moves = op.to !== 0;
    const newPages = moves ? op.pages : op.newPages;
    const overlaps = moves && op.at < op.to + newPages && op.to < op.at + op.pages;
    // Growth must begin at a mapping's end, and a move be of one mapping: the rest is for the other tests.
    if (overlaps || !this.isOneVma(op.at, op.pages, !moves && newPages > op.pages)) return undefined;
    const request = {
      call: "mremap",
      addr: op.at * PAGE_SIZE,
      oldLength: op.pages * PAGE_SIZE,
      newLength: newPages * PAGE_SIZE,
      flags: moves ? 3 : 0,
      newAddr: op.to * PAGE_SIZE,
    } as const;
    return [this.flat.mremap(op.at, op.pages, newPages, moves ? op.to : undefined), this.ask(request)];
  }

  private isOneVma(at: number, pages: number, toItsEnd: boolean): boolean {
    const vma = mmOf(this.state, this.pid)?.vmas.find(at);
    if (!vma || !this.flat.isUniform(at, pages)) return false;
    return toItsEnd ? vma.end === at + pages : vma.end >= at + pages;
  }

  private fork(): readonly [FlatAnswer, FlatAnswer] {
    const child = (this.pid + 1) as Pid;
    this.ask({ call: "clone", flags: 17, child });
    this.pid = child;
    this.flat = this.flat.fork();
    return [0, 0];
  }

  /** The real model's answer, an address as its page. */
  private ask(request: Request): FlatAnswer {
    const tx = new Transaction(this.state);
    const outcome: Outcome = execute(tx, { tid: this.pid, request, outcome: { ret: 0 } });
    this.state = tx.commit(this.state.seq + 1);
    if ("ret" in outcome) return Number(outcome.ret) / PAGE_SIZE;
    return ("errno" in outcome ? outcome.errno : "gone") as FlatAnswer;
  }
}

test("every page has the attributes that a naive map from page to attributes gives it", () => {
  let judged = 0;
  fc.assert(
    fc.property(fc.array(operation, { minLength: 10, maxLength: 40 }), (operations) => {
      const pair = new Pair();
      for (const op of operations) {
        const answers = pair.perform(op);
        if (!answers) continue;
        judged++;
        const [flat, real] = answers;
        expect(real).toBe(flat);
        expect(pair.pages()).toEqual(new Map([...pair.flat.pages].sort(([a], [b]) => a - b)));
      }
    }),
    { numRuns: 200 },
  );
  expect(judged).toBeGreaterThan(1000);
});
