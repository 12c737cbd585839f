import { describe, expect, test } from "vitest";
import { KERNEL_HALF, KERNEL_HALF_I386 } from "../arch/index.ts";
import { kmap, kmapLocal, kunmap, vfree, vmalloc, vmap } from "../kspace/index.ts";
import { KspaceTestMachine, smallHalf } from "../testing/kspace.ts";
import { kernelHalfText } from "./kernel-half.ts";
import { kmapText } from "./kmap.ts";
import { vmallocinfo } from "./vmallocinfo.ts";

describe("vmallocinfo", () => {
  test("has areas in use, with their guard page in the size, and then those that wait to be purged", () => {
    const { draft, env, half } = new KspaceTestMachine(KERNEL_HALF);
    for (const bytes of [16384, 4096]) vmalloc(draft, env, bytes, "kernel_clone+0x94/0x3e0");
    vmap(draft, env, [1, 2, 3, 4], { caller: "irq_init_percpu_irqstack+0xca/0x100" });
    vmalloc(draft, env, 16384, "");
    vfree(draft, env, half.vmalloc.start);
    expect(vmallocinfo(draft, half)).toBe(
      `\
0xffffc90000005000-0xffffc90000007000    8192 kernel_clone+0x94/0x3e0 pages=1 vmalloc N0=1
0xffffc90000007000-0xffffc9000000c000   20480 irq_init_percpu_irqstack+0xca/0x100 vmap
0xffffc9000000c000-0xffffc90000011000   20480 pages=4 vmalloc N0=4
0xffffc90000000000-0xffffc90000005000   20480 unpurged vm_area
`,
    );
  });

  test("of a 32-bit kernel has short addresses, and no nodes", () => {
    const { draft, env, half } = new KspaceTestMachine(KERNEL_HALF_I386);
    vmalloc(draft, env, 8192, "sys_swapon");
    expect(vmallocinfo(draft, half)).toBe("0xf8800000-0xf8803000   12288 sys_swapon pages=2 vmalloc\n");
  });
});

test("the slots of kmap and kmap_local stand one a line, and then who waits", () => {
  const { draft, env, half } = new KspaceTestMachine(smallHalf(8, 2));
  for (const pfn of [0x38000, 0x38001, 0x38000]) kmap(draft, env, pfn, 1);
  kmap(draft, env, 0x38002, 77);
  kmapLocal(draft, env, 1, 0x40000);
  expect(kmapText(draft, half)).toBe(
    `\
0xffc00000 pkmap 0 pfn=0x38001 users=1
0xffc01000 pkmap 1 pfn=0x38000 users=2
0xfffab000 kmap_local cpu=1 slot=0 pfn=0x40000
task 77 waits for a slot for pfn=0x38002
`,
  );
  kunmap(draft, env, 0x38001);
  expect(kmapText(draft, half)).toContain("0xffc00000 pkmap 0 pfn=0x38002 users=1\n");
});

test("the ranges of the kernel half stand one a line, with first and last byte", () => {
  expect(kernelHalfText(KERNEL_HALF_I386)).toBe(
    `\
0xc0000000-0xf7ffffff   896 MB  direct map
0xf8000000-0xf87fffff     8 MB  hole
0xf8800000-0xff7fdfff 114680 kB  vmalloc
0xff7fe000-0xff7fffff     8 kB  hole
0xff800000-0xffbfffff     4 MB  pkmap
0xffc00000-0xfff39fff  3304 kB  hole
0xfff3a000-0xffffefff   788 kB  fixmap
0xfffff000-0xffffffff     4 kB  hole
`,
  );
  expect(kernelHalfText(KERNEL_HALF)).toContain(
    "0xffff888000000000-0xffffc87fffffffff    64 TB  direct map\n",
  );
});
