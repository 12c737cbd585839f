import { spawnSync } from "node:child_process";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import {
  addressOf,
  execute,
  type FileId,
  initialState,
  mmOf,
  PAGE_SIZE,
  type Pid,
  pageOf,
  REFERENCE_PROFILE,
  smaps,
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
      expect(statusVm(state, mm)).toBe(kernel.status);
    });

    test("statm is the kernel's but for the two numbers that count resident pages", () => {
      const numbers = kernel.statm.split(" ").map(Number);
      expect(statm(mm)).toEqual(numbers.map((n, i) => (i === 1 || i === 2 ? null : n)));
    });
  },
);
