import { readFileSync, writeFileSync } from "node:fs";
import { describe } from "vitest";
import { ALWAYS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER, STRICT } from "./overcommit.ts";
import { proveInModel, proveOnKernel, type Setting } from "./prove.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const file = (name: string): string => `/proc/sys/vm/overcommit_${name}`;
const read = (name: string): string => readFileSync(file(name), "utf8").trim();
const write = (name: string, value: string): void => writeFileSync(file(name), value);

/** Room above what is committed already, so that strict overcommit has some to give; growing stacks leak it. */
const ROOM_KB = 4 * 2 ** 20;

/** What the whole machine has committed, in kilobytes. */
const committed = (): number =>
  Number(/^Committed_AS: *(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);

/**
 * The mode is the whole machine's: while it is strict, a program elsewhere may be refused memory. So the kernel
 * is asked only by who wants it, for less than a second, and what was goes back even if the test is ended.
 */
function mode(wanted: 1 | 2): Setting {
  let undo: (() => void) | undefined;
  const restore = (): void => {
    undo?.();
    undo = undefined;
    process.removeListener("exit", restore);
    for (const signal of SIGNALS) process.removeListener(signal, end);
  };
  const end = (): void => {
    restore();
    process.exit(1);
  };
  const allowed = process.env.PAGETRAIL_OVERCOMMIT === "1";
  return {
    why: allowed ? undefined : "it may change vm.overcommit_memory only if PAGETRAIL_OVERCOMMIT is 1",
    prepare() {
      const [before, ratio, kbytes] = [read("memory"), read("ratio"), read("kbytes")];
      undo = () => {
        write("memory", before);
        // Of these two the one that is written sets the other to 0.
        if (kbytes === "0") write("ratio", ratio);
        else write("kbytes", kbytes);
      };
      process.on("exit", restore);
      for (const signal of SIGNALS) process.on(signal, end);
      write("kbytes", String(committed() + ROOM_KB));
      write("memory", String(wanted));
    },
    restore,
  };
}

describe("vm.overcommit_memory 1", () => {
  proveInModel([OVERCOMMIT_ALWAYS], ALWAYS);
  proveOnKernel([OVERCOMMIT_ALWAYS], mode(1));
});

describe("vm.overcommit_memory 2", () => {
  proveInModel([OVERCOMMIT_NEVER], STRICT);
  proveOnKernel([OVERCOMMIT_NEVER], mode(2));
});
