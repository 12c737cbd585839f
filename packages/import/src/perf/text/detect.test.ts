import { expect, test } from "vitest";
import { looksLikePerfScript } from "./detect.ts";

test.each([
  "             env 30984 [001]  8301.830379:           syscalls:sys_exit_execve: 0x0\n",
  "# ========\n# captured on    : today\n# ========\nls  1 [000]  0.000000: PERF_RECORD_COMM: ls:1/1\n",
  " 7095   575.532786:                  page-faults:     5616a637d040\n",
  "ls  1 [000]  1.000000: page-faults: 7f00\nls  1 [000]  1.0000",
])("perf script's text is recognised: %.30s", (text) => {
  expect(looksLikePerfScript(text)).toEqual({ ok: true });
});

test.each([
  ["", "empty"],
  ["PERFILE2\0\0", "perf script"],
  ["\x1f\x8b\x08", "gzip"],
  ["     0.069 ( 0.016 ms): env/30995 brk() = 0x55836fdac000\n", "perf trace"],
  ["# tracer: nop\n#\n", "trace buffer"],
  ["Attaching 14 probes...\n", "bpftrace"],
  ["7095  1795571665.315517 mprotect(0x20001000, 4096, PROT_READ) = 0\n7095  execve(1)", "strace"],
  ['execve("/bin/ls", ["ls"], 0x7ffe /* 9 vars */) = 0\n', "strace"],
  ["\0\0\0", "binary"],
  ["dear diary\n", "no line of its beginning"],
])("%s is something else, and said what", (text, why) => {
  const guess = looksLikePerfScript(text);
  expect(guess.ok ? "" : guess.why).toContain(why);
});
