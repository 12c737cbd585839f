import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileKind, MADV, type Profile } from "@pagetrail/core";
import {
  build,
  ERRNO_NAMES,
  fileKindOf,
  hasCapability,
  runsOf,
  signalName,
  thisMachine,
  whyNoLiveKernel,
} from "../live-kernel.ts";
import { type FamilyMoment, type MemberAccount, parseAccount } from "./account.ts";
import { type PageOperation, pageCommandOf } from "./operation.ts";

/** Pages of the files that a family maps, and how many of them, from the first on, are in the page cache. */
export const FILE_PAGES = 40;
export const CACHED_PAGES = 24;

/** A family's run: the first member's fields of /proc/PID/stat, then a moment for each operation. */
export interface FamilyRun {
  /** Fields of /proc/PID/stat from the first on; the second has no meaning here. */
  readonly stat: readonly number[];
  /** One for the start, then one for each operation. */
  readonly moments: readonly FamilyMoment[];
}

const CAP_SYS_ADMIN = 21;

/** What a family finds around it, besides what it does itself. */
export interface PagePlace {
  readonly machine: Profile;
  /** The file on disk that families map. */
  readonly file: string;
  readonly fileKind: FileKind;
  /** Pages that the file's device reads ahead. */
  readonly readAhead: number;
}

/** Why pages cannot be compared here; undefined when they can. */
export function whyNoLivePages(): string | undefined {
  const reason = whyNoLiveKernel();
  if (reason !== undefined) return reason;
  if (!hasCapability(CAP_SYS_ADMIN)) return "only root sees frames in /proc/PID/pagemap";
  for (const [path, wanted, name] of SETTINGS) {
    const text = settingOf(path);
    if (text !== wanted) return `${name} is ${text}, and ${wanted} on the reference machine`;
  }
  return undefined;
}

/**
 * A thread of the kernel's DAMON, which samples which pages are used, and with a scheme takes those away that are not:
 * both show in smaps of a process that has done nothing. Undefined where there is none.
 */
export function whoDisturbsPages(): string | undefined {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const name = settingOf(`/proc/${pid}/comm`);
    if (name?.startsWith("kdamond")) return name;
  }
  return undefined;
}

const THP = "/sys/kernel/mm/transparent_hugepage";

/** What the run depends on and does not change itself. */
const SETTINGS = [
  [`${THP}/enabled`, "madvise", "transparent_hugepage/enabled"],
  [`${THP}/shmem_enabled`, "never", "transparent_hugepage/shmem_enabled"],
  ["/sys/kernel/mm/ksm/run", "0", "ksm/run"],
] as const;

/** A setting's value, the one in brackets where there is a choice; "absent" when the kernel has none. */
function settingOf(path: string): string {
  try {
    const text = readFileSync(path, "utf8").trim();
    return /\[(.*)\]/.exec(text)?.[1] ?? text;
  } catch {
    return "absent";
  }
}

/** The compiled program in a folder of its own, with the file that families map. */
export class LivePages implements PagePlace {
  readonly machine = thisMachine();
  readonly folder = mkdtempSync(join(tmpdir(), "pagetrail-pages-"));
  readonly program = join(this.folder, "pages");
  readonly file = join(this.folder, "file");
  readonly fileKind: FileKind;
  readonly readAhead: number;

  constructor() {
    const built = build("pages/pages.c", this.program);
    if (built !== "") throw new Error(`gcc: ${built}`);
    writeFileSync(this.file, "");
    this.fileKind = fileKindOf(this.file);
    this.readAhead = readAheadOf(this.file);
  }

  /** Executes the runs, each a list of operations, in a fresh family each. */
  execute(runs: readonly (readonly PageOperation[])[]): readonly FamilyRun[] {
    return this.texts(runs).map(parseFamilyRun);
  }

  /** What the program tells of each run. */
  texts(runs: readonly (readonly PageOperation[])[]): readonly string[] {
    const commands = join(this.folder, "commands");
    const lines = runs.flatMap((operations) => [
      `b ${usesDisk(operations) ? 1 : 0}`,
      ...operations.map(pageCommandOf),
      "e",
    ]);
    writeFileSync(commands, lines.join("\n"));
    const huge = runs.some((operations) => operations.some(asksForHugePages)) ? "1" : "0";
    return runsOf([this.program, this.file, huge], commands);
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What the kernel begins with where the file is on no block device of its own. */
const DEFAULT_READ_AHEAD = 32;

function readAheadOf(path: string): number {
  const { dev } = statSync(path);
  const [major, minor] = [Math.floor(dev / 256), dev % 256];
  const kilobytes = settingOf(`/sys/dev/block/${major}:${minor}/bdi/read_ahead_kb`);
  return kilobytes === "absent" ? DEFAULT_READ_AHEAD : Number(kilobytes) / 4;
}

const asksForHugePages = (o: PageOperation): boolean =>
  "request" in o && o.request.call === "madvise" && o.request.advice === MADV.HUGEPAGE;

const DISK_FDS: ReadonlySet<number> = new Set([28, 29]);

/** Whether a run needs the file on disk, which takes time to bring into a known state. */
export const usesDisk = (operations: readonly PageOperation[]): boolean =>
  operations.some((o) => {
    const fd = "truncate" in o ? o.truncate.fd : "fill" in o ? o.fill.fd : "request" in o ? o.fd : undefined;
    return fd !== undefined && DISK_FDS.has(fd);
  });

/** Reads what the program tells of a run. */
export function parseFamilyRun(text: string): FamilyRun {
  let stat: readonly number[] = [];
  const moments: FamilyMoment[] = [];
  let members = new Map<number, MemberAccount>();
  let result = "";
  let member: number | undefined;
  let lines: string[] = [];
  const endMember = (): void => {
    if (member !== undefined) members.set(member, parseAccount(lines));
    member = undefined;
    lines = [];
  };
  const endMoment = (): void => {
    endMember();
    if (stat.length > 0) moments.push({ result, members });
    members = new Map(members);
  };
  for (const line of text.split("\n")) {
    switch (line[0]) {
      case "b":
        stat = line.slice(2).split(" ").map(Number);
        result = "start";
        break;
      case "=":
      case "!":
        endMoment();
        result = answerOf(line);
        break;
      case "q":
        members.delete(Number.parseInt(line.slice(2), 16));
        break;
      case "p":
        endMember();
        member = Number.parseInt(line.slice(2), 16);
        break;
      default:
        lines.push(line);
    }
  }
  endMoment();
  return { stat, moments };
}

/** "= VALUE", with a mincore's answer behind it, or "! SIGNAL CODE ADDRESS". */
function answerOf(line: string): string {
  const [kind, ...words] = line.split(" ");
  const number = (i: number): number => Number.parseInt(words[i] ?? "", 16);
  if (kind === "!") return `${signalName(number(0), number(1))} at 0x${words[2]}`;
  const value = BigInt.asIntN(64, BigInt(`0x${words[0]}`));
  if (value < 0n && value >= -4095n) return `-${ERRNO_NAMES.get(Number(-value)) ?? -value}`;
  return [`0x${words[0]}`, ...words.slice(1)].join(" ");
}
