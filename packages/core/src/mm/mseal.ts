import {
  done,
  isAligned,
  PAGE_SIZE,
  type Result,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VMH } from "./vm-flags.ts";
import { coveringVmas, vmaModify } from "./vma-merge.ts";
import { pageOfWord } from "./vma-walk.ts";

/**
 * Seals the mappings of [address, address + length) against being unmapped, moved or re-protected.
 *
 * @refuses ENOSYS before 6.10; EINVAL; ENOMEM for a hole, with nothing changed
 * @kernel do_mseal, mm/mseal.c (6.18)
 */
export function mseal(edit: MmEdit, address: Word, length: Word, flags: Word): Result<void> {
  if (!edit.env.traits.mseal) return refuse("ENOSYS", "this release has no mseal");
  if (flags !== 0) return refuse("EINVAL", "flags must be 0");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const bytes = wrapAlignUp(length, PAGE_SIZE);
  if (length !== 0 && bytes === 0) return refuse("EINVAL", "length wraps");
  const endAddress = wrapAdd(address, bytes);
  if (endAddress < address) return refuse("EINVAL", "range wraps");
  if (endAddress === address) return done;
  const start = pageOfWord(address);
  const end = pageOfWord(endAddress);
  const covering = coveringVmas(edit, start, end);
  if (!covering.ok) return covering;
  for (let at = start; at < end; ) {
    const vma = edit.lookup(at);
    if (!vma) return refuse("ENOMEM", "the range has a hole");
    const stop = Math.min(vma.end, end);
    if ((vma.high & VMH.SEALED) === 0) {
      const sealed = vmaModify(edit, vma, at, stop, vma.flags, vma.high | VMH.SEALED);
      if (!sealed.ok) return sealed;
    }
    at = stop;
  }
  return done;
}
