import {
  hex,
  type KernelState,
  type MmStruct,
  PAGE_SIZE,
  permissions,
  type Vma,
  vmaName,
} from "@pagetrail/core";
import { kilobytes } from "./numbers.ts";

/** A VMA as JSON has it: what its line in maps says, by name. */
export function vmaJson(state: KernelState, mm: MmStruct, vma: Vma): Readonly<Record<string, unknown>> {
  const file = vma.file === 0 ? undefined : state.files.get(vma.file)?.file;
  return {
    start: hex(vma.start * PAGE_SIZE),
    end: hex(vma.end * PAGE_SIZE),
    permissions: permissions(vma),
    offset: vma.file === 0 ? "0x0" : hex(vma.pgoff * PAGE_SIZE),
    device: file?.device ?? "00:00",
    inode: file?.inode ?? 0,
    name: vmaName(state, mm, vma),
    kb: kilobytes(vma.pages),
  };
}
