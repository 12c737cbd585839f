import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { looksLikeStrace } from "./detect.ts";

const folder = new URL("./fixtures/", import.meta.url);

describe("a beginning", () => {
  test.each(readdirSync(folder))("of %s is strace's, also when it is cut", (name) => {
    const text = readFileSync(new URL(name, folder), "latin1");
    expect(looksLikeStrace(text)).toEqual({ ok: true });
    expect(looksLikeStrace(text.slice(0, 400))).toEqual({ ok: true });
  });

  test.each([
    ["", /^empty/],
    [" \n\n", /^empty/],
    ["\x1f\x8b\x08\0", /gzip/],
    ["\x7fELF\x02\x01", /ELF/],
    ["1 brk(0) = 0\n\0\0", /binary/],
    ["bash  1234 [001] 5678.901234: syscalls:sys_enter_mmap: addr: 0x0\n", /perf script/],
    ["     0.010 ( 0.005 ms): ls/123 brk() = 0x5\n", /perf trace/],
    ["Attaching 3 probes...\nmmap 1\n", /bpftrace/],
    [
      '__libc_start_main(0x401136, 1, 0x7ffe, 0) = 0\nputs("hello") = 6\n+++ exited (status 0) +++\n',
      /ltrace/,
    ],
    ["00400000-00401000 r--p 00000000 00:00 0 /bin/x\n", /maps/],
    ["The quick brown fox\njumps.\n", /no trace/],
    ["1 s390_pci_mmio_read(0x1) = 0\n", /another architecture/],
    ["strace: [ Process PID=1 runs in 31 bit mode. ]\nbrk(0) = 0\n", /another architecture \(31 bit mode\)/],
  ])("%j is not", (head, why) => {
    expect(looksLikeStrace(head)).toEqual({ ok: false, why: expect.stringMatching(why) });
  });

  test.each([
    ["1 brk(NULL) = 0x5655a000\n1 mmap2(NULL, 8192) = 0xf7fbf000\n", "32-bit"],
    ["strace: [ Process PID=1 runs in 32 bit mode. ]\nbrk(0) = 0\n", "32-bit"],
    ["[ Process PID=1 runs in x32 mode. ]\nbrk(0) = 0\n", "x32"],
  ])("%j says which mode", (head, mode) => {
    expect(looksLikeStrace(head)).toEqual({ ok: true, mode });
  });
});
