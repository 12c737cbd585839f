import { done, NO_FILE, pageRange, type Result, type Vpn } from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { getUnmappedArea } from "./unmapped-area.ts";
import { VM } from "./vm-flags.ts";
import { VM_OPS, Vma, type VmOps } from "./vma.ts";

/** Pages of each part of the vdso block, from low to high. */
export interface VdsoPages {
  readonly vvar: number;
  readonly vvarVclock: number;
  readonly vdso: number;
}

const VVAR_FLAGS = VM.READ | VM.MAYREAD | VM.PFNMAP | VM.IO | VM.DONTEXPAND | VM.DONTDUMP;
const VDSO_FLAGS = VM.READ | VM.EXEC | VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC | VM.DONTEXPAND;

export const vdsoBlockPages = (p: VdsoPages): number => p.vvar + p.vvarVclock + p.vdso;

/**
 * Maps vvar and vdso where a search puts them.
 *
 * @param hint page at which the block should begin, 0 for none
 * @refuses ENOMEM
 * @kernel map_vdso, arch/x86/entry/vdso/vma.c (6.18)
 */
export function mapVdso(edit: MmEdit, parts: VdsoPages, hint = 0): Result<void> {
  const pages = vdsoBlockPages(parts);
  const place = getUnmappedArea(edit, { pages, hint, flags: 0, pgoff: 0, file: undefined });
  if (!place.ok) return place;
  let at: number = place.value;
  const install = (n: number, flags: number, ops: VmOps): void => {
    if (n === 0) return;
    const { start, end } = pageRange(at, at + n);
    edit.replaceVmas([], [new Vma(start, end, flags, 0, 0, NO_FILE, ops, 0, 0)]);
    at += n;
  };
  install(parts.vvar, VVAR_FLAGS, VM_OPS.vvar);
  install(parts.vvarVclock, VVAR_FLAGS, VM_OPS.vvarVclock);
  edit.set("vdso", at as Vpn);
  install(parts.vdso, VDSO_FLAGS, VM_OPS.vdso);
  return done;
}
