import {
  anonymous,
  flagged,
  type Machine,
  machineOf,
  onEach,
  onEachMachine,
  Strip,
  strip,
  told,
} from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId } from "../base/index.ts";
import type { Outcome, Profile, Request } from "../kernel/index.ts";
import { MADV, MAP, MDWE, MREMAP, PROT } from "./mman.ts";
import { VM } from "./vm-flags.ts";

const HERE = 0x20000000;
const P = 4096;
const MIB = 2 ** 20;

/** How a request ends on each release, after others. */
const ends = (request: Request, ...before: readonly Request[]) =>
  onEachMachine((m) => {
    for (const r of before) m.ask(r);
    return told(m.ask(request));
  });

const same = (outcome: string) => ({ "5.4": outcome, "6.1": outcome, "6.18": outcome });
const here = flagged(2 * P, MAP.FIXED, HERE);
const advise = (advice: number): Request => ({ call: "madvise", addr: HERE, length: 2 * P, advice });
const prctl = (option: number, arg: number, arg3?: number): Request => ({
  call: "prctl",
  option,
  arg,
  ...(arg3 === undefined ? {} : { arg3 }),
});

describe("what exists depends on the release", () => {
  test.each([
    ["POPULATE_READ", "EINVAL", "0"],
    ["POPULATE_WRITE", "EINVAL", "0"],
    ["DONTNEED_LOCKED", "EINVAL", "0"],
    ["GUARD_INSTALL", "EINVAL", "EINVAL"],
    ["GUARD_REMOVE", "EINVAL", "EINVAL"],
    ["COLD", "0", "0"],
    ["PAGEOUT", "0", "0"],
    ["FREE", "0", "0"],
    ["WIPEONFORK", "0", "0"],
  ] as const)("MADV_%s", (name, in54, in61) => {
    expect(ends(advise(MADV[name]), here)).toEqual({ "5.4": in54, "6.1": in61, "6.18": "0" });
  });

  test("MADV_COLLAPSE: since 6.1", () => {
    const big = flagged(4 * MIB, MAP.FIXED, HERE);
    const collapse: Request = { call: "madvise", addr: HERE, length: 4 * MIB, advice: MADV.COLLAPSE };
    expect(ends(collapse, big)).toEqual({ "5.4": "EINVAL", "6.1": "0", "6.18": "0" });
  });

  test("mseal and MAP_DROPPABLE: neither in 6.1", () => {
    const seal: Request = { call: "mseal", addr: HERE, length: P, flags: 0 };
    expect(ends(seal, here)).toEqual({ "5.4": "ENOSYS", "6.1": "ENOSYS", "6.18": "0" });
    const droppable = anonymous(P, { addr: HERE, flags: MAP.DROPPABLE | MAP.ANONYMOUS | MAP.FIXED });
    expect(ends(droppable)).toEqual({ "5.4": "EINVAL", "6.1": "EINVAL", "6.18": "20000000" });
  });

  test("process_madvise: since 5.10, first without advice that is only for oneself", () => {
    const ask = (advice: number): Request => ({
      call: "process_madvise",
      target: 0,
      ranges: [[HERE, P]],
      advice,
      flags: 0,
    });
    expect(ends(ask(MADV.COLD), here)).toEqual({ "5.4": "ENOSYS", "6.1": "1000", "6.18": "1000" });
    expect(ends(ask(MADV.DONTNEED), here)).toEqual({ "5.4": "ENOSYS", "6.1": "EINVAL", "6.18": "1000" });
  });

  test("PR_SET_MDWE, and the flags of PR_SET_THP_DISABLE: after 6.1", () => {
    expect(ends(prctl(65, MDWE.REFUSE_EXEC_GAIN))).toEqual({ "5.4": "EINVAL", "6.1": "EINVAL", "6.18": "0" });
    expect(ends(prctl(66, 0))).toEqual({ "5.4": "EINVAL", "6.1": "EINVAL", "6.18": "0" });
    expect(ends(prctl(41, 1, 2))).toEqual({ "5.4": "EINVAL", "6.1": "EINVAL", "6.18": "0" });
    expect(ends(prctl(41, 1))).toEqual(same("0"));
    expect(ends(prctl(0x53564d41, 0))).toEqual(same("EINVAL"));
  });

  test("MAP_FIXED_NOREPLACE, mlock2 and remap_file_pages: in all of them", () => {
    expect(ends(flagged(P, MAP.FIXED_NOREPLACE, HERE), here)).toEqual(same("EEXIST"));
    expect(ends({ call: "mlock", addr: HERE, length: P, flags: 1 }, here)).toEqual(same("0"));
    const shared = anonymous(4 * P, { addr: HERE, flags: MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED });
    const remap: Request = {
      call: "remap_file_pages",
      addr: HERE,
      size: P,
      prot: 0,
      pgoff: 1,
      flags: 0,
    };
    expect(ends(remap, shared)).toEqual(same("0"));
  });

  test("MAP_ABOVE4G, which MAP_SHARED_VALIDATE asks about: after 6.1", () => {
    const file: Request = { call: "file", file: memfd(false) };
    const map = anonymous(P, { flags: MAP.SHARED_VALIDATE | MAP.ABOVE4G | MAP.FIXED, addr: HERE, file: 1 });
    expect(ends(map, file)).toEqual({ "5.4": "EOPNOTSUPP", "6.1": "EOPNOTSUPP", "6.18": "20000000" });
  });

  test("MAP_STACK keeps huge pages away: after 6.1", () => {
    const nohuge = onEach((p) => strip("K", p).vma(0).flags & VM.NOHUGEPAGE);
    expect(nohuge).toEqual({ "5.4": 0, "6.1": 0, "6.18": VM.NOHUGEPAGE });
  });
});

const memfd = (writeSealed: boolean) => ({
  id: fileId(1),
  path: "/memfd:x",
  kind: "shmem" as const,
  readable: true,
  writable: true,
  deleted: true,
  writeSealed,
});

describe("files", () => {
  test("a memfd sealed against writing is mapped shared for reading: not in 5.4", () => {
    const map = anonymous(P, { flags: MAP.SHARED | MAP.FIXED, prot: PROT.READ, addr: HERE, file: 1 });
    const file: Request = { call: "file", file: memfd(true) };
    expect(ends(map, file)).toEqual({ "5.4": "EPERM", "6.1": "20000000", "6.18": "20000000" });
    expect(ends({ ...map, prot: 3 }, file)).toEqual(same("EPERM"));
  });

  test("MADV_REMOVE asks for a writable mapping in 5.4, later only for one that might become it", () => {
    const map = anonymous(2 * P, { flags: MAP.SHARED | MAP.FIXED, prot: PROT.READ, addr: HERE, file: 1 });
    const file: Request = { call: "file", file: memfd(false) };
    expect(ends(advise(MADV.REMOVE), file, map)).toEqual({ "5.4": "EACCES", "6.1": "0", "6.18": "0" });
  });
});

/** Mappings of a machine as `start-end` in pages from HERE, in hex. */
const pieces = (m: Machine): string =>
  m
    .mm()
    .vmas.toArray()
    .map((v) => `${(v.start - HERE / P).toString(16)}-${(v.end - HERE / P).toString(16)}`)
    .join(" ");

describe("a fixed mapping that is refused", () => {
  const over = flagged(2 * P, MAP.FIXED, HERE + 2 * P);
  const prepare = flagged(6 * P, MAP.FIXED, HERE);

  test("by RLIMIT_AS leaves the borders cut since 6.12, before that nothing", () => {
    const story = onEachMachine((m) => {
      m.ask(prepare);
      m.ask({ call: "setrlimit", target: 0, resource: "as", soft: 5 * P, hard: 5 * P });
      return `${told(m.ask(over))} ${pieces(m)}`;
    });
    expect(story).toEqual({ "5.4": "ENOMEM 0-6", "6.1": "ENOMEM 0-6", "6.18": "ENOMEM 0-2 2-4 4-6" });
  });

  test("by overcommit leaves a hole before 6.12", () => {
    const strict = (p: Profile): Profile => ({ ...p, sysctl: { ...p.sysctl, totalPages: 100 } });
    const story = onEach((p) => {
      const { machine: m } = new Strip("", strict(p));
      m.ask(flagged(200 * P, MAP.FIXED | MAP.NORESERVE, HERE));
      return `${told(m.ask(flagged(120 * P, MAP.FIXED, HERE)))} ${pieces(m)}`;
    });
    expect(story).toEqual({ "5.4": "ENOMEM 78-c8", "6.1": "ENOMEM 78-c8", "6.18": "ENOMEM 0-78 78-c8" });
  });

  test("gives back the accounted memory that it took away", () => {
    const { machine: m } = new Strip("AAAA", machineOf("6.1"));
    const file: Request = { call: "file", file: { ...memfd(false), kind: "disk" } };
    m.ask(file);
    expect(told(m.ask({ ...over, file: 1, flags: MAP.PRIVATE | MAP.FIXED | MAP.SYNC }))).toBe("EOPNOTSUPP");
    expect(m.state.committed).toBe(2);
  });

  test("by a mapping that cannot be cut is told ENOMEM before 6.12", () => {
    const story = onEach((p) => {
      const m = strip("", { ...p, sysctl: { ...p.sysctl, hugePages: 8 } }).machine;
      m.ask(flagged(4 * MIB, MAP.FIXED | MAP.HUGETLB, HERE));
      return told(m.ask(flagged(P, MAP.FIXED, HERE + P)));
    });
    expect(story).toEqual({ "5.4": "ENOMEM", "6.1": "ENOMEM", "6.18": "EINVAL" });
  });
});

describe("mremap", () => {
  const FIXED = MREMAP.MAYMOVE | MREMAP.FIXED;
  const story = (tell: (p: Profile) => Strip) =>
    onEach((p) => {
      const done = tell(p);
      return `${done.last} ${done}`;
    });

  test("moves several mappings since 6.17; before, it has cleared the target when it refuses", () => {
    expect(story((p) => strip("AAaaFFFF", p).mremap("^^^^....", "....^^^^", FIXED))).toEqual({
      "5.4": "EFAULT AAaa....",
      "6.1": "EFAULT AAaa....",
      "6.18": "ok ....AAaa",
    });
  });

  test("refuses to duplicate private memory, with or without a hole in the target", () => {
    expect(story((p) => strip("AA..FF", p).ask(duplicate))).toEqual({
      "5.4": "EINVAL AA....",
      "6.1": "EINVAL AA....",
      "6.18": "EINVAL AA..FF",
    });
  });

  test("looks for the mapping before the new address since 6.1, and for none in 5.4 unless it grows", () => {
    expect(story((p) => strip("..AA", p).mremap("^^..", "^^..", 0))).toEqual({
      "5.4": "ok ..AA",
      "6.1": "EFAULT ..AA",
      "6.18": "EFAULT ..AA",
    });
    expect(story((p) => strip("..AA", p).mremap("^^..", ".^^.", FIXED))).toEqual({
      "5.4": "EINVAL ..AA",
      "6.1": "EFAULT ..AA",
      "6.18": "EINVAL ..AA",
    });
    expect(story((p) => strip("..AA", p).mremap("^^..", "^^^.", 1))).toEqual(same("EFAULT ..AA"));
  });

  test("moves, shrinks and grows as ever in all of them", () => {
    expect(story((p) => strip("AAAA....", p).mremap("^^......", ".....^^.", FIXED))).toEqual(
      same("ok ..AA.AA."),
    );
    expect(story((p) => strip("AAAA", p).mremap("^^^^", "^^..", 0))).toEqual(same("ok AA.."));
    expect(story((p) => strip("AAAA..", p).mremap("^^^...", "...^^.", FIXED))).toEqual(same("ok ...AA."));
  });

  test("keeps the old range with MREMAP_DONTUNMAP: unknown in 5.4", () => {
    const keep = FIXED | MREMAP.DONTUNMAP;
    expect(story((p) => strip("AA....", p).mremap("^^....", "...^^.", keep))).toEqual({
      "5.4": "EINVAL AA....",
      "6.1": "ok AA.AA.",
      "6.18": "ok AA.AA.",
    });
    const locked = onEach((p) => strip("LL....", p).mremap("^^....", "...^^.", keep).machine.mm().lockedVm);
    expect(locked).toEqual({ "5.4": 2, "6.1": 2, "6.18": 4 });
  });

  test("refuses a length beyond user space with EINVAL since 6.17, before that for want of room", () => {
    const grow = {
      call: "mremap",
      addr: HERE,
      oldLength: P,
      newLength: 2 ** 48,
      flags: 1,
      newAddr: 0,
    } as const;
    expect(ends(grow, here)).toEqual({ "5.4": "ENOMEM", "6.1": "ENOMEM", "6.18": "EINVAL" });
  });

  test("of huge pages: they move since 5.16, and never grow", () => {
    const outcomes = onEach((p) => {
      const m = strip("", { ...p, sysctl: { ...p.sysctl, hugePages: 8 } }).machine;
      m.ask(flagged(4 * MIB, MAP.FIXED | MAP.HUGETLB, HERE));
      const remap = { call: "mremap", addr: HERE, oldLength: 4 * MIB } as const;
      const answers: Outcome[] = [
        m.ask({ call: "madvise", addr: HERE, length: 2 * MIB, advice: MADV.DONTNEED }),
        m.ask({ ...remap, newLength: 6 * MIB, flags: MREMAP.MAYMOVE, newAddr: 0 }),
        m.ask({ ...remap, newLength: 4 * MIB, flags: FIXED, newAddr: HERE + 64 * MIB }),
      ];
      return answers.map(told).join(" ");
    });
    expect(outcomes).toEqual({
      "5.4": "EINVAL EINVAL EINVAL",
      "6.1": "0 EINVAL 24000000",
      "6.18": "0 EINVAL 24000000",
    });
  });
});

const duplicate: Request = {
  call: "mremap",
  addr: HERE,
  oldLength: 0,
  newLength: 2 * P,
  flags: MREMAP.MAYMOVE | MREMAP.FIXED,
  newAddr: HERE + 4 * P,
};
