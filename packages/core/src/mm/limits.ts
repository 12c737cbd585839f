import { UNLIMITED } from "../arch/index.ts";
import { done, PAGE_SIZE, pagesText, type Result, refuse } from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmEnv } from "./mm-env.ts";
import { statOf } from "./vma.ts";

const inPages = (bytes: number): number => Math.floor(bytes / PAGE_SIZE);

/** A limit as a trace has it, in pages. */
export const limitText = (bytes: number): string => (bytes === UNLIMITED ? "unlimited" : `${inPages(bytes)}`);

/**
 * Whether `pages` more of a mapping with these flags stay inside RLIMIT_AS and RLIMIT_DATA.
 *
 * @refuses ENOMEM
 * @kernel may_expand_vm, mm/vma.c (6.18)
 */
export function mayExpandVm(edit: MmEdit, flags: number, pages: number): Result<void> {
  const { mm, env } = edit;
  const { as, data } = env.limits;
  env.trace?.enter("may_expand_vm");
  if (mm.totalVm + pages > inPages(as.soft))
    return refuse("ENOMEM", `RLIMIT_AS: ${mm.totalVm} + ${pages} pages > ${inPages(as.soft)}`);
  env.trace?.check(`RLIMIT_AS: ${mm.totalVm} + ${pagesText(pages)} <= ${limitText(as.soft)}`);
  if (statOf(flags) !== "data") return done;
  // A limit of 0 is what old static binaries set; it falls back to the hard limit.
  const limit = data.soft === 0 ? data.hard : data.soft;
  if (mm.dataVm + pages > inPages(limit))
    return refuse("ENOMEM", `RLIMIT_DATA: ${mm.dataVm} + ${pages} pages > ${inPages(data.soft)}`);
  env.trace?.check(`RLIMIT_DATA: ${mm.dataVm} + ${pagesText(pages)} <= ${limitText(limit)}`);
  return done;
}

/** can_do_mlock: a limit above zero, or CAP_IPC_LOCK. */
export const canDoMlock = (env: MmEnv): boolean => env.limits.memlock.soft !== 0 || env.capabilities.ipcLock;

/** Whether `pages` more may be locked: RLIMIT_MEMLOCK, which CAP_IPC_LOCK lifts. */
export function mayLock({ mm, env }: MmEdit, pages: number): boolean {
  const { soft } = env.limits.memlock;
  env.trace?.enter("mlock_future_ok");
  if (env.capabilities.ipcLock) {
    env.trace?.check("CAP_IPC_LOCK lifts RLIMIT_MEMLOCK");
    return true;
  }
  if (mm.lockedVm + pages > inPages(soft)) return false;
  env.trace?.check(`RLIMIT_MEMLOCK: ${mm.lockedVm} + ${pagesText(pages)} <= ${limitText(soft)}`);
  return true;
}

/**
 * Charges `pages` of committed memory.
 *
 * @refuses ENOMEM; nothing is charged then
 * @kernel __vm_enough_memory, mm/util.c (6.18)
 */
export function charge(edit: MmEdit, pages: number): Result<void> {
  const { sysctl, commitment, capabilities, trace } = edit.env;
  trace?.enter("__vm_enough_memory");
  if (sysctl.overcommitMemory === 0 && pages > sysctl.totalPages + sysctl.swapPages)
    return refuse("ENOMEM", `overcommit: ${pages} pages exceed RAM and swap`);
  if (sysctl.overcommitMemory === 2) {
    const left = commitLimit(edit, capabilities.sysAdmin);
    if (commitment.committed + pages >= left)
      return refuse(
        "ENOMEM",
        `overcommit: ${commitment.committed} + ${pages} pages reach the limit of ${left}`,
      );
  }
  trace?.check(
    `overcommit_memory is ${sysctl.overcommitMemory}: ${pagesText(pages)} more than ${commitment.committed} may be committed`,
  );
  commitment.committed += pages;
  return done;
}

function commitLimit(edit: MmEdit, admin: boolean): number {
  const { sysctl } = edit.env;
  const pagesOfKb = (kb: number): number => Math.floor(kb / 4);
  const base = sysctl.overcommitKbytes
    ? pagesOfKb(sysctl.overcommitKbytes)
    : Math.floor(((sysctl.totalPages - sysctl.hugePages * 512) * sysctl.overcommitRatio) / 100);
  const reserve = admin ? 0 : pagesOfKb(sysctl.adminReserveKbytes);
  const user = Math.min(Math.floor(edit.mm.totalVm / 32), pagesOfKb(sysctl.userReserveKbytes));
  return base + sysctl.swapPages - reserve - user;
}

export const uncharge = (edit: MmEdit, pages: number): void => {
  edit.env.commitment.committed -= pages;
};
