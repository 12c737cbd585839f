import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import {
  addressOf,
  buddyinfo,
  execute,
  type FileId,
  initialState,
  type KernelState,
  mmOf,
  PAGE_SIZE,
  type Pid,
  pageOf,
  REFERENCE_PROFILE,
  type Request,
  smaps,
  smapsRollup,
  statm,
  statusVm,
  Transaction,
  VM_OPS,
  Vma,
  vmFlagsOfCodes,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";

const reason = whyNoLiveKernel();
const PID = 1 as Pid;

/** Lines of smaps and status that no count of resident pages decides. */
const SMAPS = /^([0-9a-f]+-|Size:|KernelPageSize:|MMUPageSize:|THPeligible:|VmFlags:)/;
const STATUS = /^(Vm(Peak|Size|Lck|Pin|Data|Stk|Exe|Lib)|CoreDumping|THP_enabled|untag_mask):/;

/** One process's own account of itself: /proc/self of `cat`. */
function account(): Readonly<Record<"smaps" | "status" | "statm" | "stat", string>> {
  const names = ["smaps", "status", "statm", "stat"].map((name) => `/proc/self/${name}`);
  const { stdout } = spawnSync("cat", names, { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  const statusAt = lines.findIndex((line) => line.startsWith("Name:"));
  const kept = (from: readonly string[], wanted: RegExp): string =>
    from.flatMap((line) => (wanted.test(line) ? [`${line}\n`] : [])).join("");
  return {
    smaps: kept(lines.slice(0, statusAt), SMAPS),
    status: kept(lines.slice(statusAt), STATUS),
    statm: lines.at(-2) ?? "",
    stat: lines.at(-1) ?? "",
  };
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) (\S+) (\d+) *(.*)\n(?:.*\n){4}VmFlags: (.*)$/gm;

/** The model's process with the ranges, flags and files that the kernel's entries name. */
function modelOf(text: string, stat: string): Transaction {
  const tx = new Transaction(initialState(REFERENCE_PROFILE));
  execute(tx, { tid: PID, request: { call: "adopt", comm: "cat", tgid: PID }, outcome: { ret: 0 } });
  const task = tx.task(PID);
  const edit = tx.edit(tx.mm(task.mm), task);
  const field = (number: number): number => Number(stat.slice(stat.lastIndexOf(")")).split(" ")[number - 2]);
  for (const [
    ,
    from = "",
    to = "",
    offset = "",
    device = "",
    inode = "",
    path = "",
    codes = "",
  ] of text.matchAll(HEADER)) {
    if (path === "[vsyscall]") continue;
    const [start, end] = [pageOf(Number.parseInt(from, 16)), pageOf(Number.parseInt(to, 16))];
    const isFile = path.startsWith("/");
    const read = { kind: "disk", readable: true, writable: false, deleted: false } as const;
    const file = isFile ? tx.makeFile({ ...read, path, device, inode: Number(inode) }).id : (0 as FileId);
    const special = Object.values(VM_OPS).find((ops) => "label" in ops && ops.label === path);
    const ops = special ?? (isFile ? VM_OPS.file : VM_OPS.anon);
    const pgoff = Number.parseInt(offset, 16) / PAGE_SIZE;
    edit.replaceVmas([], [new Vma(start, end, vmFlagsOfCodes(codes), 0, pgoff, file, ops, 0, 0)]);
    if (path === "[heap]") edit.set("brk", addressOf(end));
  }
  edit.set("startBrk", field(47));
  edit.set("startStack", field(28));
  edit.set("startCode", field(26));
  edit.set("endCode", field(27));
  return tx;
}

/** A line with nothing but its form: digits in a column as wide as they may be become one `#`. */
const shape = (line: string): string =>
  line.replaceAll(/ *\d+(?= )/g, (n) => `${n.length}#`).replace(/\d+$/, "#");

/** The lines of the first entry of smaps, without the header and the flags, which differ from one to the next. */
const entryShapes = (text: string): readonly string[] =>
  (text.split(/^VmFlags/m)[0] ?? "").trimEnd().split("\n").slice(1).map(shape);

/** A process with a page that was written to, on a machine whose pages are modelled. */
const touched = ((): KernelState => {
  const profile = { ...REFERENCE_PROFILE, pages: { ...REFERENCE_PROFILE.pages, known: true } };
  const mmap = { addr: 0, length: PAGE_SIZE, prot: 3, flags: 0x22, offset: 0, file: 0 };
  const ask = (from: KernelState, request: Request): KernelState => {
    const tx = new Transaction(from);
    execute(tx, { tid: PID, request, outcome: { ret: 0 } });
    return tx.commit(from.seq + 1);
  };
  const mapped = ask(ask(initialState(profile), { call: "adopt", comm: "t", tgid: PID }), {
    call: "mmap",
    ...mmap,
  });
  const addr = addressOf(mmOf(mapped, PID)?.vmas.first()?.start ?? 0);
  return ask(mapped, { call: "access", addr, kind: "write" });
})();

describe.skipIf(reason !== undefined)(
  `as this kernel prints it${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const kernel = account();
    const state = modelOf(kernel.smaps, kernel.stat).commit(1);
    const mm = mmOf(state, PID);

    test("smaps is the kernel's byte for byte, but for the lines that count resident pages", () => {
      expect(kernel.smaps).toContain("[vvar_vclock]");
      expect(smaps(state, mm)).toBe(kernel.smaps);
    });

    test("the sizes of status are the kernel's byte for byte", () => {
      expect(statusVm(state, mm, PID)).toBe(kernel.status);
    });

    test("statm is the kernel's but for the two numbers that count resident pages", () => {
      const numbers = kernel.statm.split(" ").map(Number);
      expect(statm(mm)).toEqual(numbers.map((n, i) => (i === 1 || i === 2 ? null : n)));
    });

    test("smaps of a process whose pages are known has the kernel's lines, in its order and as wide", () => {
      const live = entryShapes(readFileSync("/proc/self/smaps", "utf8"));
      expect(live.length).toBeGreaterThan(20);
      expect(entryShapes(smaps(touched, mmOf(touched, PID)))).toEqual(live);
    });

    test("so have smaps_rollup and the memory lines of status", () => {
      const rollup = readFileSync("/proc/self/smaps_rollup", "utf8").split("\n").slice(1).map(shape);
      expect(smapsRollup(touched, mmOf(touched, PID)).split("\n").slice(1).map(shape)).toEqual(rollup);
      const status = readFileSync("/proc/self/status", "utf8").split("\n");
      const own = statusVm(touched, mmOf(touched, PID), PID).trimEnd().split("\n").map(shape);
      const from = status.findIndex((line) => line.startsWith("VmPeak"));
      expect(own).toEqual(status.slice(from, from + own.length).map(shape));
    });

    test("buddyinfo has the kernel's zones, in its columns", () => {
      const live =
        readFileSync("/proc/buddyinfo", "utf8").match(/^Node 0, zone +(DMA|DMA32|Normal) .*$/gm) ?? [];
      const mine = buddyinfo(touched).split("\n").map(shape);
      expect(live.length).toBeGreaterThan(0);
      for (const line of live) expect(mine).toContain(shape(line));
    });
  },
);
