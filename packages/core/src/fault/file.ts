import { mkdirty, mkwrite } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import { cachePage, type FaultEnd, mappingOf, VM } from "../mm/index.ts";
import { PG } from "../phys/index.ts";
import { allocAnon, mapAnon, prepareAnon } from "./anonymous.ts";
import { type Fault, fileOf, pageIndex, pteIndex, pteTable } from "./fault.ts";
import { mapAround } from "./fault-around.ts";
import { cachedPage, isMemoryBacked, mapFilePage } from "./map-file-page.ts";
import { readAround, readOn, readsAhead } from "./read-ahead.ts";

/**
 * A fault in a mapping of a file where nothing is mapped yet.
 *
 * @kernel do_fault, mm/memory.c (6.18)
 */
export function doFault(fault: Fault): FaultEnd {
  const { trace } = fault.edit.env;
  if (!fault.write) trace?.enter("do_read_fault");
  else trace?.enter((fault.vma.flags & VM.SHARED) !== 0 ? "do_shared_fault" : "do_cow_fault");
  if (!fault.write) return doReadFault(fault);
  return (fault.vma.flags & VM.SHARED) !== 0 ? doSharedFault(fault) : doCowFault(fault);
}

/** Maps the page, and those around it that are cached already: do_read_fault. */
function doReadFault(fault: Fault): FaultEnd {
  if (mapAround(fault)) return "done";
  const found = filemapFault(fault);
  if (typeof found.pfn !== "number") return found.end;
  // The second try finds what was waited for, and not what is only being read ahead.
  if (found.anew === undefined || !mapAround(fault)) {
    const table = pteTable(fault);
    mapFilePage(fault, table, pteIndex(fault, fault.page), found.pfn);
  }
  if (found.anew === "marked") readOn(fault);
  return found.end;
}

/** A first write to private memory: the page is copied, and the file's own is not mapped: do_cow_fault. */
function doCowFault(fault: Fault): FaultEnd {
  const { memory, pages } = fault;
  prepareAnon(fault);
  const pfn = allocAnon(fault);
  if (pfn === undefined) return "oom";
  const found = filemapFault(fault);
  if (typeof found.pfn !== "number") {
    memory.phys.put(pfn);
    return found.end;
  }
  if (found.anew === "marked") readOn(fault);
  memory.phys.setContent(pfn, memory.phys.content(found.pfn));
  mapAnon(fault, pteTable(fault), pteIndex(fault, fault.page), pfn);
  pages.rssAnon++;
  return found.end;
}

/** A write to shared memory: the file's page is mapped dirty: do_shared_fault. */
function doSharedFault(fault: Fault): FaultEnd {
  const { memory, pages } = fault;
  const found = filemapFault(fault);
  if (typeof found.pfn !== "number") return found.end;
  if (found.anew === "marked") readOn(fault);
  const table = pteTable(fault);
  const i = pteIndex(fault, fault.page);
  mapFilePage(fault, table, i, found.pfn);
  mkwrite(table.words, 2 * i);
  mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  memory.phys.flag(found.pfn, PG.DIRTY);
  return found.end;
}

/** What the file gave for a page. */
interface Found {
  readonly pfn?: number;
  /** The fault begins anew: the page was read, or it was marked, so that reading goes on behind it. */
  readonly anew?: "read" | "marked";
  readonly end: FaultEnd;
}

/**
 * The file's page in the page cache, read in where it is missing. Beyond the end of the file there is none.
 *
 * @kernel filemap_fault, mm/filemap.c; shmem_fault, mm/shmem.c; special_mapping_fault, mm/mmap.c (6.18)
 */
function filemapFault(fault: Fault): Found {
  const { memory, vma } = fault;
  const file = fileOf(fault);
  const index = pageIndex(fault);
  const { trace } = fault.edit.env;
  if (file.size !== undefined && index >= Math.ceil(file.size / PAGE_SIZE)) {
    trace?.choose(`page ${index} lies beyond the end of ${file.path} (${file.size} bytes)`);
    return { end: "sigbus" };
  }
  const mapping = mappingOf(file);
  const cached = cachedPage(fault, file, index);
  trace?.choose(`page ${index} of ${file.path} is ${cached === undefined ? "not " : ""}in the page cache`);
  if (cached !== undefined) {
    if (!memory.phys.has(cached, PG.READAHEAD) || !readsAhead(fault)) return { pfn: cached, end: "done" };
    memory.phys.flag(cached, 0, PG.READAHEAD);
    return { pfn: cached, anew: "marked", end: fault.asker === "advice" ? "major" : "done" };
  }
  if (isMemoryBacked(vma)) {
    const slot = memory.peekCache(mapping)?.slot(index);
    const isRead = slot !== undefined && memory.swap.cached(slot) === undefined;
    const pfn = cachePage(memory, mapping, index, PG.SHMEM | PG.SWAPBACKED);
    return pfn === undefined ? { end: "oom" } : { pfn, end: isRead ? "major" : "done" };
  }
  const pfn = cachePage(memory, mapping, index, 0);
  if (pfn === undefined) return { end: "oom" };
  readAround(fault, index);
  return { pfn, end: fault.asker === "populate" ? "done" : "major", anew: "read" };
}
