import { readFileSync } from "node:fs";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import {
  checkOutKspace,
  emptyKspace,
  FrameSource,
  KERNEL_HALF,
  type KspaceEnv,
  kernelRegion,
  kernelVirtual,
  physical,
  vmalloc,
  vmallocinfo,
  vmap,
  vunmap,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";

/** A file of /proc, or nothing where it cannot be read. */
function proc(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, "utf8");
  } catch {
    return "";
  }
}

const PAGE = 4096;

/** A line of vmallocinfo but for the addresses, which most readers are not shown: size and what follows. */
const rest = (line: string): string => line.replace(/^0x[0-9a-f]+-0x[0-9a-f]+ /, "");

const live = whyNoLiveKernel();
const info = proc("vmallocinfo").split("\n");
const areas = info.filter((line) => / pages=\d+ vmalloc(?: N0=\d+)?$/.test(line));
const freed = info.filter((line) => line.endsWith(" unpurged vm_area"));
const noAreas = live ?? (areas.length === 0 ? "/proc/vmallocinfo cannot be read" : undefined);

describe.skipIf(noAreas !== undefined)(
  `vmalloc areas of the running kernel${noAreas ? ` (skipped: ${noAreas})` : ""}`,
  () => {
    test("stand in vmallocinfo as the model prints as many pages, in use and freed", () => {
      const draft = checkOutKspace(emptyKspace());
      const frames = new FrameSource(draft, 2 ** 30);
      // So many CPUs that nothing is purged.
      const env: KspaceEnv = { half: KERNEL_HALF, totalPages: 2 ** 30, cpus: 2 ** 20, frames };
      for (const line of areas) {
        const [, caller = "", pages = ""] = /^\S+ +\d+ (.*) pages=(\d+) vmalloc/.exec(line) ?? [];
        vmalloc(draft, env, Number(pages) * PAGE, caller);
      }
      for (const line of freed) {
        const [, bytes = ""] = /^\S+ +(\d+)/.exec(line) ?? [];
        const own = Array.from({ length: Number(bytes) / PAGE }, (_, i) => i);
        const made = vmap(draft, env, own, { caller: "", guard: false });
        if (made.ok) vunmap(draft, env, made.value);
      }
      const printed = vmallocinfo(draft, KERNEL_HALF).trimEnd().split("\n");
      expect(printed.map(rest)).toEqual([...areas, ...freed].map(rest));
    });
  },
);

/** Where the running kernel has a symbol; 0 where addresses are not shown. */
const symbol = (name: string): bigint =>
  BigInt(`0x${new RegExp(`^([0-9a-f]{16}) \\w ${name}$`, "m").exec(proc("kallsyms"))?.[1] ?? "0"}`);

const text = symbol("_stext");
const code = BigInt(`0x${/^ *([0-9a-f]+)-[0-9a-f]+ : Kernel code$/m.exec(proc("iomem"))?.[1] ?? "0"}`);
const noImage = live ?? (text === 0n || code === 0n ? "kallsyms or iomem show no addresses" : undefined);

describe.skipIf(noImage !== undefined)(
  `the image of the running kernel${noImage ? ` (skipped: ${noImage})` : ""}`,
  () => {
    test("lies in the range for it", () => {
      expect(kernelRegion(text)?.name).toBe("kernel image");
      expect(kernelRegion(symbol("_einittext") - 1n)?.name).toBe("kernel image");
    });

    test("begins at the physical address that iomem has, and is seen in the direct map too", () => {
      const linked = text - 0xffffffff80000000n;
      const physBase = code - linked;
      expect(physBase % 0x200000n).toBe(0n);
      expect(physical(text, KERNEL_HALF, physBase)).toEqual({ ok: true, value: code });
      const alias = kernelVirtual(code);
      expect(alias.ok && physical(alias.value)).toEqual({ ok: true, value: code });
    });

    test("has code as long by its symbols as by iomem", () => {
      const [, end = "0"] = /^ *[0-9a-f]+-([0-9a-f]+) : Kernel code$/m.exec(proc("iomem")) ?? [];
      expect(physical(symbol("_etext") - 1n, KERNEL_HALF, code - (text - 0xffffffff80000000n))).toEqual({
        ok: true,
        value: BigInt(`0x${end}`),
      });
    });
  },
);
