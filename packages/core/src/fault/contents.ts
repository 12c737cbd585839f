import { isPresent, isSpecialEntry } from "../arch/index.ts";
import { PAGE_SIZE, pageOf } from "../base/index.ts";
import type { MmPages } from "../mm/index.ts";
import { PG, type PhysMemory, UNTOLD } from "../phys/index.ts";
import { entryPfn } from "./fault.ts";

/** The frame behind a page, as the page tables have it; undefined where nothing is mapped or only zeros are. */
export function frameBehind(pages: MmPages, page: number): number | undefined {
  const last = pages.table.walk(page).at(-1);
  if (!last) return undefined;
  const { table, index } = last;
  const lo = table.words[2 * index] as number;
  if (!isPresent(lo) || isSpecialEntry(lo)) return undefined;
  const span = pages.table.span(table.level);
  return entryPfn(table, index) + (page % span);
}

/** Stores bytes, given as hex digits, in memory that has just been written to. */
export function writeBytes(phys: PhysMemory, pages: MmPages, addr: number, hex: string): void {
  for (let done = 0; done < hex.length / 2; ) {
    const at = addr + done;
    const offset = at % PAGE_SIZE;
    const length = Math.min(hex.length / 2 - done, PAGE_SIZE - offset);
    const pfn = frameBehind(pages, pageOf(at));
    if (pfn !== undefined) {
      const bytes = new Uint8Array(PAGE_SIZE);
      bytes.set(phys.content(pfn) ?? UNTOLD);
      for (let i = 0; i < length; i++)
        bytes[offset + i] = Number.parseInt(hex.slice(2 * (done + i), 2 * (done + i) + 2), 16);
      phys.setContent(pfn, bytes);
    }
    done += length;
  }
}

/**
 * Notes that something was written to [addr, addr + length) of which the bytes are not told. Only of huge pages:
 * whether a part of one is all zeros decides what becomes of it when the whole is split.
 */
export function noteWritten(phys: PhysMemory, pages: MmPages, addr: number, length: number): void {
  for (let page = pageOf(addr); page <= pageOf(addr + length - 1); page++) {
    const pfn = frameBehind(pages, page);
    if (pfn !== undefined && phys.has(pfn, PG.HEAD | PG.TAIL) && phys.isZero(pfn))
      phys.setContent(pfn, UNTOLD);
  }
}

/** The bytes at an address as the page tables show them now, as hex digits; zeros where nothing is mapped. */
export function readBytes(phys: PhysMemory, pages: MmPages, addr: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    const pfn = frameBehind(pages, pageOf(addr + i));
    const byte = pfn === undefined ? 0 : (phys.content(pfn)?.[(addr + i) % PAGE_SIZE] ?? 0);
    text += byte.toString(16).padStart(2, "0");
  }
  return text;
}
