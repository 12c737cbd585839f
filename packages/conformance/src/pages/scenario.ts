import { readFileSync } from "node:fs";
import { BUILD } from "../live-kernel.ts";
import { describeOperation } from "../scenario.ts";
import type { PageDifference } from "./compare.ts";
import { usesDisk } from "./live-pages.ts";
import { type PageOperation, pageCommandOf, plain } from "./operation.ts";

/** One operation as a person reads it: who does what. */
export function describePageOperation(operation: PageOperation): string {
  return `${operation.member}: ${deedText(operation)}`;
}

function deedText(operation: PageOperation): string {
  if ("access" in operation) return `${operation.access.kind} 0x${operation.access.addr.toString(16)}`;
  if ("life" in operation) return operation.life;
  if ("truncate" in operation) return `ftruncate(${operation.truncate.fd}, ${operation.truncate.size})`;
  if ("fill" in operation) {
    const { fd, offset, length } = operation.fill;
    return `pwrite(${fd}, "…", ${length}, ${offset})`;
  }
  return describeOperation(plain(operation), "x86-64");
}

/** The program's descriptors. */
const DESCRIPTORS: Readonly<Record<number, string>> = {
  20: "a memfd of 40 pages, of which 24 were written to",
  22: "the memfd of 20, opened again",
  23: "the memfd of 20, read-only",
  25: "/dev/zero",
  28: "a file on disk of 24 pages, all of them clean in the page cache",
  29: "the file of 28, read-only",
};

const fdOf = (operation: PageOperation): number | undefined => {
  if ("truncate" in operation) return operation.truncate.fd;
  if ("fill" in operation) return operation.fill.fd;
  return "request" in operation ? operation.fd : undefined;
};

/** The operations a line each, then what both sides say after the last. */
export function pageScenarioText({ operations, model, kernel }: PageDifference): string {
  const fds = new Set(operations.flatMap((o) => fdOf(o) ?? []).filter((fd) => fd >= 0));
  return [
    "# a family of processes, numbered in the order of their births",
    ...[...fds].map((fd) => `# ${fd}: ${DESCRIPTORS[fd] ?? "not open"}`),
    ...operations.map(describePageOperation),
    "",
    ...model.map((line) => `# model:  ${line}`),
    ...kernel.map((line) => `# kernel: ${line}`),
    "",
  ].join("\n");
}

const source = (name: string): string => readFileSync(new URL(`../../src/${name}`, import.meta.url), "utf8");

/** The operations of a difference as one C file that needs nothing else: it prints what the kernel says. */
export function pageProgram(difference: PageDifference): string {
  const { operations } = difference;
  const commands = [`b ${usesDisk(operations) ? 1 : 0}`, ...operations.map(pageCommandOf), "e"];
  const program = source("pages/pages.c").replace('#include "../program.h"\n', source("program.h"));
  return `/*
 * Model and kernel differ after the last of these operations. As root:
 *   gcc ${BUILD.join(" ")} -o differ differ.c && ./differ differ.file 1
 *
${pageScenarioText(difference).trimEnd().replaceAll(/^/gm, " * ")}
 */
#define COMMANDS \\
${commands.map((line) => `  "${line}\\n"`).join(" \\\n")}

${program}`;
}
