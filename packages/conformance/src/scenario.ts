import { MADV, MAP, PROT, type Word } from "@pagetrail/core";
import type { Difference } from "./compare.ts";
import { type Abi, type Operation, RESOURCES, systemCall } from "./operation.ts";

/**
 * One operation as a person reads it: a call as strace prints it, and a word for what is no call.
 */
export function describeOperation(operation: Operation, abi: Abi): string {
  if ("touch" in operation) return `${operation.write ? "write" : "read"} 0x${operation.touch.toString(16)}`;
  if ("fork" in operation) return operation.fork === "go on" ? "fork, and go on in the child" : "fork";
  if ("drop" in operation) return "give up CAP_IPC_LOCK and CAP_SYS_RAWIO";
  if ("batch" in operation) return `${operation.batch.length} calls, timed`;
  if ("fill" in operation)
    return `${operation.fill.count} mappings of a page each from 0x${operation.fill.addr.toString(16)} on`;
  if ("attach" in operation) {
    const { addr, flags, size } = operation.attach;
    return `shmat(shmget(IPC_PRIVATE, ${size}, IPC_CREAT|0600), ${number(addr)}, 0x${flags.toString(16)})`;
  }
  const { request: r } = operation;
  if (r.call === "setrlimit")
    return `prlimit64(0, RLIMIT_${r.resource.toUpperCase()} (${RESOURCES[r.resource]}), {${r.soft}, ${r.hard}})`;
  const call = systemCall(operation, abi);
  if (!call) return r.call;
  const args = call.args.map((arg, i) =>
    arg === "@" ? `[${(call.data ?? []).map(number).join(", ")}]` : argument(call.name, i, arg),
  );
  return `${call.name}(${args.join(", ")})`;
}

/** The operations a line each, then what both sides answer to the last. */
export function scenarioText({ child, operations, model, kernel, flat }: Difference): string {
  const lines = operations.map((operation) => describeOperation(operation, child.abi));
  const fds = new Set(
    operations.flatMap((o) => ("request" in o && o.fd !== undefined && o.fd >= 0 ? [o.fd] : [])),
  );
  const files = [...fds].map((fd) => `# ${fd}: ${DESCRIPTORS[fd] ?? "not open"}`);
  return [
    `# a ${child.name} process (${child.abi})`,
    ...files,
    ...lines,
    "",
    ...sides(model, kernel),
    ...opinion(flat),
    "",
  ].join("\n");
}

const opinion = (flat: string | undefined): readonly string[] =>
  flat === undefined ? [] : [`# the flat model differs from the kernel, first at ${flat}`];

/** The program's descriptors. */
const DESCRIPTORS: Readonly<Record<number, string>> = {
  20: "a memfd of 1 GiB",
  21: "a dup of 20",
  22: "the memfd of 20, opened again",
  23: "the memfd of 20, read-only",
  24: "the memfd of 20, write-only",
  25: "/dev/zero",
  26: "the reading end of a pipe",
  27: "the directory /",
  28: "a file of 1 GiB on disk",
  29: "the file of 28, read-only",
  30: "a memfd of 1 GiB, sealed against writing",
  31: "a file of 1 GiB on disk that may only be appended to",
  32: "a file of 5 pages and 100 bytes on disk",
  33: "secret memory of 1 GiB",
};

/** The lines that one side has alone. */
function sides(model: string, kernel: string): readonly string[] {
  const [mine, theirs] = [model.split("\n"), kernel.split("\n")];
  return [
    ...mine.filter((line) => !theirs.includes(line)).map((line) => `# model:  ${line}`),
    ...theirs.filter((line) => !mine.includes(line)).map((line) => `# kernel: ${line}`),
  ];
}

function argument(name: string, index: number, value: Word): string {
  if (index === 2 && (name.startsWith("mmap") || name === "mprotect")) return bitNames("PROT_", PROT, value);
  if (index === 3 && name.startsWith("mmap")) return mapFlags(Number(value));
  if (index === 2 && name === "madvise") return advice(value);
  if (index === 4 && name.startsWith("mmap")) return String(value);
  return index === 1 && Number(value) < 2 ** 53 ? String(value) : number(value);
}

const number = (n: Word): string =>
  n === 0 || n === 0n ? "0" : Number(n) < 0 ? String(n) : `0x${BigInt(n).toString(16)}`;

function bitNames(prefix: string, bits: Readonly<Record<string, number>>, value: Word): string {
  let rest = Number(value);
  const names: string[] = [];
  for (const [name, bit] of Object.entries(bits)) {
    if (bit === 0 || (rest & bit) !== bit) continue;
    names.push(prefix + name);
    rest -= bit;
  }
  if (rest > 0) names.push(`0x${rest.toString(16)}`);
  return names.join("|") || (prefix === "PROT_" ? "PROT_NONE" : "0");
}

const TYPES: Readonly<Record<number, string>> = {
  1: "MAP_SHARED",
  2: "MAP_PRIVATE",
  3: "MAP_SHARED_VALIDATE",
  8: "MAP_DROPPABLE",
};

function mapFlags(flags: number): string {
  const type = flags & MAP.TYPE;
  const { TYPE, SHARED, PRIVATE, SHARED_VALIDATE, DROPPABLE, ...bits } = MAP;
  const rest = flags - type;
  const known = TYPES[type] ?? `0x${type.toString(16)}`;
  return rest === 0 ? known : `${known}|${bitNames("MAP_", bits, rest)}`;
}

function advice(value: Word): string {
  const name = Object.entries(MADV).find(([, n]) => n === Number(value))?.[0];
  return name ? `MADV_${name}` : String(value);
}
