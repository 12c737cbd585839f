import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random, whyNoLiveKernel } from "@pagetrail/conformance";
import { fileId, MADV, MAP, type OpenFile, type Outcome, type Pid, pid } from "@pagetrail/core";
import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, test } from "vitest";

const POOL = 8;
const HUGE = 512;
const BYTES = HUGE * 4096;
const SLOTS = 4;
const [PARENT, CHILD] = [pid(1), pid(2)];
const FILE: OpenFile = {
  id: fileId(1),
  path: "/memfd:huge",
  kind: "hugetlb",
  readable: true,
  writable: true,
  deleted: true,
  hugePages: HUGE,
  size: 0,
};
const ERRNOS: Readonly<Record<string, number>> = { ENOMEM: 12, EACCES: 13, EFAULT: 14, EINVAL: 22 };

const slot = (n: number): number => 0x200000000000 / 4096 + n * 32 * HUGE;

/** A machine with huge pages in its pool that does what a line says, as hugetlb.c does. */
class Model {
  readonly machine = new PageMachine({
    ...PAGE_MACHINE,
    sysctl: { ...PAGE_MACHINE.sysctl, hugePages: POOL },
  });
  #size = 0;

  constructor() {
    this.machine.ask({ call: "file", file: FILE });
  }

  /** What came of it, and the free and reserved pages of the pool behind it. */
  answer(line: string): string {
    const end = this.#execute(line.split(" "));
    const { free, reserved = 0 } = this.machine.state.memory?.pool ?? { free: [] };
    return `${end} ${free.length} ${reserved}`;
  }

  #execute([what = "", who, ...rest]: readonly string[]): number {
    if (what === "f") return numberOf(this.machine.fork(CHILD));
    if (what === "x") {
      this.machine.ask({ call: "exit_group", code: 0 }, CHILD);
      return numberOf(this.machine.ask({ call: "reap", child: CHILD }));
    }
    if (what === "T") {
      this.#resize(this.#size);
      return this.#resize(Number(who));
    }
    const tid = who === "p" ? PARENT : CHILD;
    const [at = 0, a = 0, b = 0, c = 0, d = 0] = rest.map(Number);
    if (what === "m") return this.#map(tid, at, a, b === 1, c, d);
    const page = slot(at) + a * HUGE;
    const addr = page * 4096;
    if (what === "w" || what === "r") {
      const end = this.machine.touch(what === "w" ? "write" : "read", page, tid);
      return end === "ok" ? 0 : end.startsWith("SIGBUS") ? 7 : 11;
    }
    if (what === "u") return this.#ask({ call: "munmap", addr, length: b * BYTES }, tid);
    if (what === "v") {
      const moved = { newLength: b * BYTES, flags: 3, newAddr: slot(c) * 4096 };
      return this.#ask({ call: "mremap", addr, oldLength: b * BYTES, ...moved }, tid);
    }
    const advice = what === "d" ? MADV.DONTNEED : MADV.REMOVE;
    return this.#ask({ call: "madvise", addr, length: BYTES, advice }, tid);
  }

  #map(tid: Pid, at: number, kind: number, noreserve: boolean, i: number, n: number): number {
    const flags = (kind === 1 || kind === 2 ? MAP.SHARED : MAP.PRIVATE) | (noreserve ? MAP.NORESERVE : 0);
    const named = kind < 2 ? { flags: flags | MAP.HUGETLB } : { flags, file: 1, offset: i * HUGE };
    // A file that nothing maps is forgotten, and told anew.
    if (kind >= 2) this.#resize(this.#size);
    const end = numberOf(this.machine.map(slot(at), n * HUGE, named, tid));
    // A mapping that may be written makes a file of huge pages longer.
    if (end === 0 && kind >= 2 && i + n > this.#size) this.#resize(i + n);
    return end;
  }

  #resize(pages: number): number {
    this.#size = pages;
    return this.#ask({ call: "file", file: { ...FILE, size: pages * BYTES } }, PARENT);
  }

  #ask(request: Parameters<PageMachine["ask"]>[0], tid: Pid): number {
    return numberOf(this.machine.ask(request, tid));
  }
}

function numberOf(outcome: Outcome): number {
  if (!("errno" in outcome)) return 0;
  return ERRNOS[outcome.errno] ?? -1;
}

/**
 * Random lines: mappings of every kind, uses of them, forks and exits of the child. Only whole mappings move: what
 * a part left behind had reserved the kernel never gives back until it boots again.
 */
class Lines {
  readonly lines: string[] = [];
  /** Pages of the mapping at the beginning of each slot, as far as it is whole. */
  readonly #whole = { p: new Map<number, number>(), c: new Map<number, number>() };
  #child = false;

  constructor(readonly random: Random) {}

  add(): void {
    const { random, lines } = this;
    const who = this.#child && random.chance(0.5) ? "c" : "p";
    const [at, i] = [random.below(SLOTS), random.below(6)];
    const roll = random.below(100);
    if (roll < 4) this.forkOrExit();
    else if (roll < 8) lines.push(`T ${random.below(8)}`);
    else if (roll < 30) this.#map(who, at);
    else if (roll < 36) {
      lines.push(`u ${who} ${at} ${i} ${1 + random.below(3)}`);
      this.#whole[who].delete(at);
    } else if (roll < 40) this.#move(who, at);
    else if (roll < 48) lines.push(`d ${who} ${at} ${i}`);
    else if (roll < 53) lines.push(`h ${who} ${at} ${i}`);
    else lines.push(`${roll < 80 ? "w" : "r"} ${who} ${at} ${i}`);
  }

  forkOrExit(): void {
    this.lines.push(this.#child ? "x" : "f");
    this.#child = !this.#child;
    this.#whole.c = new Map(this.#whole.p);
  }

  get hasChild(): boolean {
    return this.#child;
  }

  #map(who: "p" | "c", at: number): void {
    const { random } = this;
    const pages = 1 + random.below(5);
    const noreserve = random.chance(0.2) ? 1 : 0;
    this.lines.push(`m ${who} ${at} ${random.below(4)} ${noreserve} ${random.below(4)} ${pages}`);
    this.#whole[who].set(at, pages);
  }

  #move(who: "p" | "c", at: number): void {
    const pages = this.#whole[who].get(at);
    if (pages === undefined) return;
    const to = (at + 1) % SLOTS;
    this.lines.push(`v ${who} ${at} 0 ${pages} ${to}`);
    this.#whole[who].delete(at);
    this.#whole[who].delete(to);
  }
}

function draw(random: Random, count: number): readonly string[] {
  const drawn = new Lines(random);
  for (let n = 0; n < count; n++) drawn.add();
  if (drawn.hasChild) drawn.forkOrExit();
  return drawn.lines;
}

const POOL_FILE = "/proc/sys/vm/nr_hugepages";

/** Why the running kernel cannot be asked; undefined when it can. */
function whyNoPool(): string | undefined {
  const reason = whyNoLiveKernel();
  if (reason !== undefined) return reason;
  if (process.env.PAGETRAIL_POOL === undefined)
    return "it sets vm.nr_hugepages, which other tests would see: run it alone, with PAGETRAIL_POOL=1";
  if (process.getuid?.() !== 0) return "only root sets vm.nr_hugepages";
  return readFileSync(POOL_FILE, "utf8").trim() === "0" ? undefined : "the pool of huge pages is in use";
}

const reason = whyNoPool();

/** Pages that are reserved for good: what bugs of the kernel lost since it booted. */
function lost(): number {
  return Number(/^HugePages_Rsvd:\s+(\d+)$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
}

function onTheKernel(program: string, lines: readonly string[]): readonly string[] {
  const before = lost();
  writeFileSync(POOL_FILE, String(POOL + before));
  try {
    if (Number(readFileSync(POOL_FILE, "utf8")) !== POOL + before)
      throw new Error("no memory for huge pages");
    const text = execFileSync(program, { input: `${lines.join("\n")}\n`, encoding: "utf8" });
    return text
      .trim()
      .split("\n")
      .map((line) => {
        const [end, free, reserved] = line.split(" ").map(Number) as [number, number, number];
        return `${end} ${free - before} ${reserved - before}`;
      });
  } finally {
    writeFileSync(POOL_FILE, "0");
  }
}

test.skipIf(reason !== undefined)(
  `random uses of huge pages end as on the running kernel, which counts as many free and reserved${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const program = join(testFolder(), "hugetlb");
    execFileSync("gcc", ["-O1", "-o", program, new URL("hugetlb.c", import.meta.url).pathname]);
    const seed = Number(process.env.PAGETRAIL_SEED ?? Date.now() % 2 ** 31);
    for (let run = 0; run < 40; run++) {
      const lines = draw(new Random(seed + run), 60);
      const kernel = onTheKernel(program, lines);
      const model = new Model();
      lines.forEach((line, i) => {
        const said = lines.slice(0, i + 1).join("; ");
        expect(model.answer(line), `seed ${seed + run}: ${said}`).toBe(kernel[i]);
      });
    }
  },
  60_000,
);
