import { readFileSync } from "node:fs";
import type { Word } from "@pagetrail/core";
import type { Difference } from "./compare.ts";
import { BUILD } from "./live-kernel.ts";
import { hexOf, limitHex, type Operation, RESOURCES, systemCall } from "./operation.ts";
import { describeOperation, scenarioText } from "./scenario.ts";

const RUNTIME = new URL("../src/program.h", import.meta.url);

/**
 * The operations of a difference as one C file that needs nothing else: it prints the result of each, and the
 * address space behind the last.
 * Addresses of the heap follow the new program's.
 */
export function cProgram(difference: Difference): string {
  const { child, operations } = difference;
  const calls = operations.map((operation) => {
    const text = describeOperation(operation, child.abi).replaceAll(/["\\]/g, "\\$&");
    return `  answer("${text}", ${expression(operation, difference)});`;
  });
  const width = child.abi === "i386" ? "-m32 " : "";
  return `/*
 * Model and kernel differ after the last of these calls. Build and run it so:
 *   gcc ${width}${BUILD.join(" ")} -o differ differ.c && ./differ
 *
${scenarioText(difference).trimEnd().replaceAll(/^/gm, " * ")}
 */
${readFileSync(RUNTIME, "utf8")}
static void answer(const char *what, long result) {
  u64 number = (word)result;
  long length = 0;
  while (what[length]) length++;
  write_all(what, length);
  print(' ', &number, 1);
}

static void scenario(word heap) {
  long file = call(OPEN, (long)"differ.file", 0102, 0600);
  call(FTRUNCATE, file, 1 << 30, 0);
  call(CLOSE, file, 0, 0);
  open_files("differ.file");
  (void)heap;
${calls.join("\n")}
  print_filtered("/proc/self/smaps");
  print_filtered("/proc/self/status");
  call(EXIT, 0, 0, 0);
}

__attribute__((used)) static void start(word *stack) {
  char **argv = (char **)(stack + 1);
  settle(0x${child.personality.toString(16)}, 0x${limitHex(child.stackLimit)}, argv, argv + stack[0] + 1);
  catch_faults();
  long child = call(FORK, 0, 0, 0);
  if (child == 0) scenario((word)call(BRK, 0, 0, 0));
  sys(WAIT4, child, 0, 0, 0, 0, 0);
  call(EXIT, 0, 0, 0);
}
`;
}

const HEAP_REACH = 2 ** 24;

function expression(operation: Operation, { child, heap }: Difference): string {
  const arg = (value: Word): string => {
    const beyond = Number(value) - heap;
    if (beyond >= -4096 && beyond < HEAP_REACH) return `(long)heap + ${beyond}`;
    return Number(value) < 0 ? String(value) : `0x${hexOf(value)}`;
  };
  if ("touch" in operation) return `touch(${arg(operation.touch)}, ${operation.write ? 1 : 0})`;
  if ("fork" in operation) return operation.fork === "go on" ? "branch(1)" : "branch(0)";
  if ("drop" in operation) return "drop_capabilities()";
  if ("batch" in operation) throw new Error("a batch is for timing");
  if ("fill" in operation) return `fill(0x${hexOf(operation.fill.addr)}, ${operation.fill.count})`;
  if ("attach" in operation) {
    const { addr, flags, size } = operation.attach;
    return `attach(${arg(addr)}, ${flags}, ${size})`;
  }
  const { request: r } = operation;
  if (r.call === "setrlimit")
    return `limit(${RESOURCES[r.resource]}, ${limitText(r.soft)}, ${limitText(r.hard)})`;
  const call = systemCall(operation, child.abi);
  if (!call) throw new Error(`${r.call} is no system call of the program`);
  if (r.call === "io_setup") return `setup_ring(${r.events})`;
  const words = (call.data ?? []).map((word) => `(word)${arg(word)}`).join(", ");
  const pointer = `(long)(word[64]){${words}}`;
  if (call.name === "mincore")
    return `mincore(${call.args.map((one) => (one === "@" ? pointer : arg(one))).join(", ")})`;
  const args = [...call.args, 0, 0, 0, 0, 0, 0].slice(0, 6);
  return `sys(${call.number}, ${args.map((one) => (one === "@" ? pointer : arg(one))).join(", ")})`;
}

const limitText = (n: number): string => (n === Number.POSITIVE_INFINITY ? "~0ull" : String(n));
