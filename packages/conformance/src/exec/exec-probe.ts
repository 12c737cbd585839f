import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRNO, UNLIMITED } from "@pagetrail/core";

/** One exec to try. Limits in bytes, UNLIMITED for none. */
export interface ExecCase {
  readonly path: string;
  /** undefined stands for no list at all. */
  readonly args: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly personality: number;
  readonly stack: number;
  readonly as: number;
  readonly data: number;
}

/** What the kernel made of it. */
export type LiveExec =
  | { readonly end: "errno"; readonly errno: string }
  | { readonly end: "signal"; readonly signal: number }
  | LiveStart;

/** A process at its first instruction. */
export interface LiveStart {
  readonly end: "started";
  readonly entry: number;
  readonly stackPointer: number;
  /** /proc/PID/maps. */
  readonly maps: string;
  /** The fields of /proc/PID/stat by their number, from 1. */
  readonly stat: readonly string[];
  /** The sizes of /proc/PID/status, in KiB. */
  readonly sizes: Readonly<Record<string, number>>;
  /** The bytes of /proc/PID/auxv. */
  readonly auxv: Uint8Array;
  /** The stack from its pointer up, at most 64 KiB of it. */
  readonly stack: Uint8Array;
}

const NO_LIST = 0xffffffff;
const NO_LIMIT = 2n ** 64n - 1n;
/** The status with which the probe says that it could not even try. */
const SET_UP_FAILED = 250;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name]),
);

/** The compiled probe, in a folder of its own where files to execute may be put. */
export class ExecProbe {
  readonly folder = mkdtempSync(join(tmpdir(), "pagetrail-exec-"));
  /** Files in that folder that are open for writing while cases run. */
  readonly busy = new Set<string>();
  readonly #program = join(this.folder, "exec-probe");

  constructor() {
    const source = fileURLToPath(new URL("../../src/exec/exec-probe.c", import.meta.url));
    const args = ["-O1", "-Wall", "-Wextra", "-Werror", "-o", this.#program, source];
    const { stderr, status } = spawnSync("gcc", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`gcc: ${stderr}`);
  }

  /** Writes a file into the folder, executable unless `mode` says otherwise, and answers its path. */
  put(name: string, content: Uint8Array | string, mode = 0o755): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  /** Tries every case in a process of its own, with the probe's folder as its directory. */
  run(cases: readonly ExecCase[]): readonly LiveExec[] {
    const { stdout, status } = spawnSync(this.#program, {
      input: Buffer.concat(cases.map(encodeCase)),
      cwd: this.folder,
      env: {},
      encoding: "latin1",
      maxBuffer: 2 ** 30,
    });
    if (status !== 0) throw new Error(`the probe ended with ${status}`);
    return stdout.split("\n.\n").slice(0, -1).map(parseExec);
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

function encodeCase({ path, args, env, personality, stack, as, data }: ExecCase): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32LE(personality, 0);
  for (const [i, limit] of [stack, as, data].entries())
    head.writeBigUInt64LE(limit === UNLIMITED ? NO_LIMIT : BigInt(limit), 4 + 8 * i);
  return Buffer.concat([head, encodeString(path), ...encodeList(args), ...encodeList(env)]);
}

const encodeList = (strings: readonly string[] | undefined): readonly Buffer[] =>
  strings ? [encodeNumber(strings.length), ...strings.map(encodeString)] : [encodeNumber(NO_LIST)];

function encodeNumber(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(`${text}\0`, "latin1");
  return Buffer.concat([encodeNumber(bytes.length), bytes]);
}

function parseExec(text: string): LiveExec {
  const lines = text.split("\n");
  const [first = ""] = lines;
  const [end = "", one = "", other = ""] = first.split(" ");
  const n = Number(one);
  if (end === "errno" && n === SET_UP_FAILED) throw new Error("the probe could not set the limits of a case");
  if (end === "errno") return { end, errno: ERRNO_NAMES.get(n) ?? one };
  if (end === "signal") return { end, signal: n };
  if (end !== "started") throw new Error(`the probe says: ${first}`);
  const of = (name: string): readonly string[] =>
    lines.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const [stat = ""] = of("stat");
  const sizes = of("status").map((line) => /^(\w+):\s+(\d+) kB/.exec(line));
  return {
    end,
    entry: Number.parseInt(one, 16),
    stackPointer: Number.parseInt(other, 16),
    maps: of("maps")
      .map((line) => `${line}\n`)
      .join(""),
    // The second field, the name, may have spaces.
    stat: ["", "1", "name", ...stat.slice(stat.lastIndexOf(")") + 2).split(" ")],
    sizes: Object.fromEntries(sizes.map((size) => [size?.[1] ?? "", Number(size?.[2])])),
    auxv: Buffer.from(of("auxv")[0] ?? "", "hex"),
    stack: Buffer.from(of("stack")[0] ?? "", "hex"),
  };
}
