import type { Profile } from "@pagetrail/core";
import { cpuProfile } from "./cpus.ts";
import { MACHINES } from "./history.ts";
import { PAGE_MACHINE } from "./page-machine.ts";

/** Machines that the laws of time hold on: as an strace shows one, with pages, with CPUs, with TLBs. */
export const LAW_MACHINES: readonly (readonly [string, Profile])[] = [
  ...MACHINES,
  ["CPUs", cpuProfile(2, "shootdown")],
  [
    "TLBs",
    {
      ...PAGE_MACHINE,
      scheduling: { cpus: 2, lazyTlb: "refcount" },
      tlb: { entries: 16, ways: 4, replacement: "random", seed: 7, pcid: true },
    },
  ],
];
