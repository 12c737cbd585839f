import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { arch, platform, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRNO, type FileKind, type Profile, REFERENCE_PROFILE } from "@pagetrail/core";
import type { Child } from "./child.ts";
import { type Abi, commandOf, limitHex, type Operation } from "./operation.ts";
import type { Surroundings } from "./surroundings.ts";

/** The address space after one command: a line for every mapping, and the sizes in kilobytes. */
export interface LiveMoment {
  /** A number in hex, an errno as `-ENOMEM`, or the signal that a touch ended in. */
  readonly result: string;
  readonly vmas: readonly LiveVma[];
  readonly sizes: Readonly<Record<string, number>>;
}

export interface LiveVma {
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  readonly offset: number;
  readonly name: string;
  readonly codes: string;
}

/** One run: what the process started with, then a moment for the start and for each command. */
export interface LiveRun {
  readonly stackPointer: number;
  readonly brk: number;
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  /** Soft and hard, in the order as, data, stack, memlock. */
  readonly limits: readonly number[];
  /** Whether descriptor 31 could be made append-only. */
  readonly appendOnly: boolean;
  /** Whether there is secret memory behind descriptor 33. */
  readonly secret: boolean;
  readonly moments: readonly LiveMoment[];
}

/** Why the live kernel cannot be asked here; undefined when it can. */
export function whyNoLiveKernel(): string | undefined {
  if (platform() !== "linux" || arch() !== "x64") return "this is not Linux on x86-64";
  if (!release().startsWith("6.18.")) return `the model is of Linux 6.18, this is ${release()}`;
  if (spawnSync("gcc", ["--version"]).status !== 0) return "there is no gcc to compile the program with";
  return undefined;
}

/** How the program is built: alone, and at a fixed address. */
export const BUILD = [
  ..."-O1 -Wall -Wextra -Werror -static -nostdlib -no-pie -fno-stack-protector -fno-builtin".split(" "),
  ..."-fcf-protection=none -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack".split(" "),
];

/** Compiles one of the programs here; what gcc complained of, empty when the program is built. */
export function build(name: string, program: string, flags: readonly string[] = []): string {
  const source = fileURLToPath(new URL(`../src/${name}`, import.meta.url));
  const { stderr, status } = spawnSync("gcc", [...flags, ...BUILD, "-o", program, source], {
    encoding: "utf8",
  });
  return status === 0 ? "" : stderr;
}

const KIND_OF_MAGIC: Readonly<Record<number, FileKind>> = {
  61267: "disk",
  1481003842: "disk",
  2435016766: "disk",
  16914836: "shmem",
};

export const fileKindOf = (path: string): FileKind => KIND_OF_MAGIC[statfsSync(path).type] ?? "plain";

/** Size of the file on disk and of the memfds; they are sparse. */
export const FILE_BYTES = 2 ** 30;

/** The compiled programs in a folder of their own, with the file that runs map. */
export class LiveKernel implements Surroundings {
  readonly folder = mkdtempSync(join(tmpdir(), "pagetrail-live-"));
  /** The entries for which the program could be built. */
  readonly abis: ReadonlySet<Abi>;
  readonly file = join(this.folder, "file");
  readonly fileKind: FileKind;
  profile = thisMachine();

  /** Reads the machine's settings again, when somebody has changed them. */
  look(): void {
    this.profile = thisMachine();
  }

  /** Processors that the machine may have: the last of a list such as 0-3. */
  readonly cpus = Number(/\d+\s*$/.exec(readFileSync("/sys/devices/system/cpu/possible", "utf8"))?.[0]) + 1;

  get committed(): number {
    return procNumber("/proc/meminfo", "Committed_AS") / 4;
  }

  constructor() {
    const built = this.#build("x86-64");
    if (built !== "") throw new Error(`gcc: ${built}`);
    this.abis = new Set<Abi>(this.#build("i386") === "" ? ["x86-64", "i386"] : ["x86-64"]);
    writeFileSync(this.file, "");
    truncateSync(this.file, FILE_BYTES);
    this.fileKind = fileKindOf(this.file);
  }

  #build(abi: Abi): string {
    return build("live.c", this.program(abi), abi === "i386" ? ["-m32"] : []);
  }

  program(abi: Abi): string {
    return join(this.folder, `live-${abi}`);
  }

  /** Executes the runs, each a list of operations, in fresh processes of the given kind. */
  execute(
    runs: readonly (readonly Operation[])[],
    { abi, personality, stackLimit }: Child,
  ): readonly LiveRun[] {
    const input = runs
      .map((operations) => ["b", ...operations.map((o) => commandOf(o, abi)), "e", ""].join("\n"))
      .join("");
    const commands = join(this.folder, "commands");
    writeFileSync(commands, input);
    const args = [this.program(abi), this.file, personality.toString(16), limitHex(stackLimit)];
    return runsOf(args, commands).map((run) => parseRun(run, BITS[abi]));
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What a program prints when it reads the file of commands: the text of each run. */
export function runsOf(command: readonly string[], commands: string): readonly string[] {
  const { stdout, status, signal, error } = spawnSync(
    "/bin/sh",
    ["-c", 'exec "$@" < "$0"', commands, ...command],
    {
      encoding: "latin1",
      maxBuffer: 2 ** 30,
    },
  );
  if (status !== 0) throw new Error(`the program ended with ${error?.message ?? signal ?? status}`);
  return stdout.split(/^e$/m).slice(0, -1);
}
const overcommitMode = (mode: number): 0 | 1 | 2 => (mode === 1 || mode === 2 ? mode : 0);

/** A number of /proc/sys or of a line "Name: n kB" of a /proc file. */
function procNumber(path: string, name?: string): number {
  const text = readFileSync(path, "utf8");
  return Number(name === undefined ? text : new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1]);
}

/** The reference profile with this machine's numbers, and with what this process may do. */
export const thisMachine = (): Profile => ({
  ...REFERENCE_PROFILE,
  sysctl: {
    ...REFERENCE_PROFILE.sysctl,
    maxMapCount: procNumber("/proc/sys/vm/max_map_count"),
    mmapMinAddr: procNumber("/proc/sys/vm/mmap_min_addr"),
    overcommitMemory: overcommitMode(procNumber("/proc/sys/vm/overcommit_memory")),
    overcommitRatio: procNumber("/proc/sys/vm/overcommit_ratio"),
    overcommitKbytes: procNumber("/proc/sys/vm/overcommit_kbytes"),
    adminReserveKbytes: procNumber("/proc/sys/vm/admin_reserve_kbytes"),
    userReserveKbytes: procNumber("/proc/sys/vm/user_reserve_kbytes"),
    totalPages: procNumber("/proc/meminfo", "MemTotal") / 4,
    swapPages: procNumber("/proc/meminfo", "SwapTotal") / 4,
    hugePages: procNumber("/proc/meminfo", "HugePages_Free") - procNumber("/proc/meminfo", "HugePages_Rsvd"),
  },
  capabilities: {
    ipcLock: hasCapability(14),
    sysRawio: hasCapability(17),
    sysAdmin: hasCapability(21),
    sysResource: hasCapability(24),
  },
});

/** Whether this process, and so the program, has the capability of that number. */
export function hasCapability(bit: number): boolean {
  const set = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${set}`) >> BigInt(bit)) & 1n) === 1n;
}

const BITS: Readonly<Record<Abi, 32 | 64>> = { "x86-64": 64, i386: 32 };

function parseRun(text: string, bits: 32 | 64): LiveRun {
  const [head = "", ...moments] = text.trimStart().split(/^= /m);
  const [first = "", stat = ""] = head.split("\n");
  const [stackPointer = 0, brk = 0, ...more] = first.split(" ").slice(1).map(parseLimit);
  const field = (number: number): number => Number(stat.split(" ")[number - 1]);
  const [startCode, endCode, startData, endData] = [field(26), field(27), field(45), field(46)];
  return {
    stackPointer,
    brk,
    startCode,
    endCode,
    startData,
    endData,
    limits: more.slice(0, 8),
    appendOnly: more[8] === 1,
    secret: more[9] === 1,
    moments: moments.map((moment) => parseMoment(moment, bits)),
  };
}

const parseLimit = (hex: string): number =>
  hex === "ffffffffffffffff" ? Number.POSITIVE_INFINITY : Number.parseInt(hex, 16);

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+ *(.*)$/;

function parseMoment(text: string, bits: 32 | 64): LiveMoment {
  const [result = "", ...lines] = text.split("\n");
  const vmas: LiveVma[] = [];
  const sizes: Record<string, number> = {};
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const header = HEADER.exec(line);
    const size = /^(Vm\w+):\s+(\d+) kB/.exec(line);
    if (size) sizes[size[1] ?? ""] = Number(size[2]);
    if (!header) continue;
    const [, start = "", end = "", permissions = "", offset = "", name = ""] = header;
    const codes = (lines[i + 1] ?? "").replace("VmFlags: ", "").trim();
    if (name !== "[vsyscall]")
      vmas.push({
        start: Number.parseInt(start, 16),
        end: Number.parseInt(end, 16),
        permissions,
        offset: Number.parseInt(offset, 16),
        name,
        codes,
      });
  }
  return { result: answerOf(BigInt(`0x${result.trim()}`), bits), vmas, sizes };
}

export const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name]),
);

const SIGNALS: Readonly<Record<string, string>> = {
  "11 1": "SIGSEGV MAPERR",
  "11 2": "SIGSEGV ACCERR",
  "11 128": "SIGSEGV KERNEL",
  "7 2": "SIGBUS ADRERR",
};

/** A signal and its si_code, by name. */
export const signalName = (number: number, code: number): string =>
  SIGNALS[`${number} ${code}`] ?? `signal ${number}, code ${code}`;

/** What the register's value says: see the program's own account of its commands. */
function answerOf(register: bigint, bits: 32 | 64): string {
  const value = Number(BigInt.asIntN(bits, register));
  if (value >= 0 || value < -0x20000) return `0x${register.toString(16)}`;
  const beyond = -value - 0x10000;
  if (beyond > 0) return signalName(Math.floor(beyond / 256), beyond % 256);
  return `-${ERRNO_NAMES.get(-value) ?? -value}`;
}
