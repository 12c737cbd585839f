import { PAGE_SIZE, type Profile, type TlbModel, UNLIMITED } from "@pagetrail/core";
import { newMachine, profileOfMachine, RESOURCES } from "./machine.ts";
import { sizeText } from "./scene.ts";

const MIB = 2 ** 20;

/** The `machine` lines of the scenario whose machine comes nearest to a profile. */
export function machineLines(profile: Profile): readonly string[] {
  const { release, layout, sysctl, pages, limits, capabilities, scheduling, tlb } = profile;
  const usual = profileOfMachine(newMachine());
  const lines = [`machine release ${release} layout ${layout}`];
  const add = (isOther: boolean, setting: string): void => {
    if (isOther) lines.push(`machine ${setting}`);
  };
  add(pages.paging === "2-level", "paging 2-level");
  add(sysctl.totalPages !== usual.sysctl.totalPages, `ram ${ramOf(sysctl.totalPages)}`);
  add(sysctl.swapPages > 0, `swap ${sizeText(sysctl.swapPages * PAGE_SIZE)}`);
  add(pages.thp !== usual.pages.thp, `thp ${pages.thp}`);
  add(sysctl.overcommitMemory !== 0, `overcommit ${sysctl.overcommitMemory}`);
  add(sysctl.overcommitRatio !== usual.sysctl.overcommitRatio, `overcommit_ratio ${sysctl.overcommitRatio}`);
  add(sysctl.maxMapCount !== usual.sysctl.maxMapCount, `max_map_count ${sysctl.maxMapCount}`);
  add(sysctl.hugePages > 0, `hugepages ${sysctl.hugePages}`);
  for (const resource of RESOURCES) {
    const { soft, hard } = limits[resource];
    const other = soft !== usual.limits[resource].soft || hard !== usual.limits[resource].hard;
    add(other, `limit ${resource} ${limit(soft)} hard ${limit(hard)}`);
  }
  add(!capabilities.ipcLock, "user nobody");
  add(!pages.known, "pages off");
  add(scheduling.cpus > 0, `cpus ${scheduling.cpus}`);
  add(scheduling.lazyTlb !== usual.scheduling.lazyTlb, `lazy_tlb ${scheduling.lazyTlb}`);
  if (tlb) lines.push(`machine ${tlbText(tlb)}`);
  return lines;
}

const tlbText = ({ entries, ways, replacement, pcid }: TlbModel): string =>
  `tlb ${entries} ways ${ways} ${replacement}${pcid ? "" : " nopcid"}`;

const limit = (n: number): string => (n === UNLIMITED ? "unlimited" : sizeText(n));

/** In steps of 4M, with what the kernel keeps for itself; 4T, the most there is, where nothing is known. */
function ramOf(totalPages: number): string {
  const bytes = Math.ceil((totalPages * PAGE_SIZE) / (4 * MIB)) * 4 * MIB + 4 * MIB;
  return sizeText(Math.max(20 * MIB, Math.min(bytes, 2 ** 42)));
}
