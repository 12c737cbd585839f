import { readFileSync, writeFileSync } from "node:fs";
import { describe } from "vitest";
import { ALWAYS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER, STRICT } from "./overcommit.ts";
import { proveInModel, proveOnKernel, type Setting } from "./prove.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const MODE = "/proc/sys/vm/overcommit_memory";

/**
 * The mode is the whole machine's: while it is strict, a program elsewhere may be refused memory. So the kernel
 * is asked only by who wants it, for less than a second, and the mode goes back even if the test is ended.
 */
function mode(wanted: 1 | 2): Setting {
  let before = "";
  const restore = (): void => {
    if (before !== "") writeFileSync(MODE, before);
    before = "";
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
      before = readFileSync(MODE, "utf8");
      process.on("exit", restore);
      for (const signal of SIGNALS) process.on(signal, end);
      writeFileSync(MODE, String(wanted));
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
