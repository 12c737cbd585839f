import {
  alignDown,
  alignUp,
  done,
  ok,
  PAGE_SIZE,
  pageOf,
  type Result,
  refuse,
  type Vpn,
} from "../base/index.ts";
import { access } from "../fault/index.ts";
import {
  doBrkFlags,
  getUnmappedArea,
  MAP,
  type MmEdit,
  mmap,
  munmapRange,
  type OpenFile,
  PROT,
  VM,
} from "../mm/index.ts";
import type { ElfImage, ElfSegment } from "./elf-image.ts";

/** Where an image came to lie. Bytes; `end` is the highest byte of memory it asked for. */
export interface LoadedImage {
  readonly bias: number;
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  readonly end: number;
}

const pageStart = (n: number): number => alignDown(n, PAGE_SIZE);
const pageEnd = (n: number): number => alignUp(n, PAGE_SIZE);
const pageOffset = (n: number): number => n % PAGE_SIZE;

const isLoad = (s: ElfSegment): boolean => s.type === "LOAD";

/** Segment protection as mmap takes it: make_prot. */
const protOf = (s: ElfSegment): number =>
  (s.flags.includes("r") ? PROT.READ : 0) |
  (s.flags.includes("w") ? PROT.WRITE : 0) |
  (s.flags.includes("x") ? PROT.EXEC : 0);

/** The largest alignment that is a power of two: maximum_alignment, fs/binfmt_elf.c. A page where none counts. */
export function maximumAlignment({ env }: MmEdit, image: ElfImage): number {
  if (!env.traits.alignsPrograms) return PAGE_SIZE;
  const powers = image.segments
    .filter((s) => isLoad(s) && Number.isInteger(Math.log2(s.align)))
    .map((s) => s.align);
  return Math.max(PAGE_SIZE, ...powers);
}

/** Bytes from the first loaded page to the last byte: total_mapping_size. */
function totalMappingSize(loads: readonly ElfSegment[]): number {
  const low = Math.min(...loads.map((s) => pageStart(s.vaddr)));
  const high = Math.max(...loads.map((s) => s.vaddr + s.memsz));
  return high - low;
}

/**
 * Maps the LOAD segments of a program or interpreter in file order.
 *
 * @param at where the first segment must go (bytes); undefined lets the search choose
 * @refuses what mmap refuses; ENOEXEC/EINVAL for headers that cannot be mapped. exec cannot return then
 * @kernel load_elf_binary, load_elf_interp, elf_load, fs/binfmt_elf.c (6.18)
 */
export function elfLoad(
  edit: MmEdit,
  file: OpenFile,
  image: ElfImage,
  at: number | undefined,
): Result<LoadedImage> {
  const loads = image.segments.filter(isLoad);
  const [first] = loads;
  if (!first) return image.type === "EXEC" ? ok(nothingLoaded) : refuse("EINVAL", "no segment to load");
  const total = image.type === "DYN" ? totalMappingSize(loads) : 0;
  let bias = 0;
  for (const segment of loads) {
    const bad = checkSegment(edit, segment);
    if (!bad.ok) return bad;
    const mapped =
      segment === first
        ? loadFirst(edit, file, image, segment, total, at)
        : loadSegment(edit, file, segment, segment.vaddr + bias, MAP.FIXED, 0);
    if (!mapped.ok) return mapped;
    if (segment === first && image.type === "DYN") bias = mapped.value - pageStart(segment.vaddr);
  }
  return ok(extent(edit, loads, bias));
}

const nothingLoaded: LoadedImage = { bias: 0, startCode: 0, endCode: 0, startData: 0, endData: 0, end: 0 };

function checkSegment(edit: MmEdit, s: ElfSegment): Result<void> {
  const { taskSize } = edit.mm.layout;
  if (s.filesz > s.memsz || s.memsz > taskSize || taskSize - s.memsz < s.vaddr)
    return refuse("EINVAL", "a segment does not fit the address space");
  return done;
}

function loadFirst(
  edit: MmEdit,
  file: OpenFile,
  image: ElfImage,
  segment: ElfSegment,
  total: number,
  at: number | undefined,
): Result<number> {
  if (image.type === "EXEC") return loadSegment(edit, file, segment, segment.vaddr, MAP.FIXED_NOREPLACE, 0);
  if (at !== undefined)
    return loadSegment(edit, file, segment, at + segment.vaddr, MAP.FIXED_NOREPLACE, total);
  const alignment = maximumAlignment(edit, image);
  if (alignment <= PAGE_SIZE) return loadSegment(edit, file, segment, pageOffset(segment.vaddr), 0, total);
  // The search knows nothing of the program's alignment: find a place first, then align it down.
  const place = getUnmappedArea(edit, {
    pages: pageOf(pageEnd(total + pageOffset(segment.vaddr))),
    hint: 0,
    flags: MAP.PRIVATE,
    pgoff: pageOf(segment.offset),
    file,
  });
  if (!place.ok) return place;
  const aligned = alignDown(place.value * PAGE_SIZE, alignment);
  return loadSegment(edit, file, segment, aligned + pageOffset(segment.vaddr), MAP.FIXED_NOREPLACE, total);
}

/** elf_load: the file's part, then anonymous memory for what the file does not fill. */
function loadSegment(
  edit: MmEdit,
  file: OpenFile,
  segment: ElfSegment,
  vaddr: number,
  place: number,
  total: number,
): Result<number> {
  const offset = pageOffset(segment.vaddr);
  let start = pageStart(vaddr);
  if (segment.filesz > 0) {
    const mapped = elfMap(edit, file, segment, start, place, total);
    if (!mapped.ok) return mapped;
    start = mapped.value;
    const zeroed = padZero(edit, segment, start + offset + segment.filesz);
    if (!zeroed.ok) return zeroed;
  }
  if (segment.memsz > segment.filesz) {
    const zeroFrom = pageEnd(start + (segment.filesz > 0 ? offset + segment.filesz : 0));
    const zeroTo = pageEnd(start + offset + segment.memsz);
    const cleared = vmBrkFlags(edit, zeroFrom, zeroTo, segment.flags.includes("x"));
    if (!cleared.ok) return cleared;
  }
  return ok(start);
}

/**
 * Clears what the file's last page holds behind a segment's data, which makes a copy of that page. Only a
 * segment that cannot be written to may stay as it is.
 *
 * @kernel padzero, elf_load, fs/binfmt_elf.c (6.18)
 */
function padZero(edit: MmEdit, segment: ElfSegment, from: number): Result<void> {
  if (!edit.env.memory || segment.memsz <= segment.filesz || pageOffset(from) === 0) return done;
  const stopped = access(edit, from, 1, "write");
  return stopped && segment.flags.includes("w") ? refuse("EFAULT", "the bss cannot be cleared") : done;
}

/** elf_map: with `total`, the whole image's span is mapped and the excess taken away again. */
function elfMap(
  edit: MmEdit,
  file: OpenFile,
  segment: ElfSegment,
  start: number,
  place: number,
  total: number,
): Result<number> {
  const offset = pageOffset(segment.vaddr);
  const size = pageEnd(segment.filesz + offset);
  const whole = total > 0 ? pageEnd(total) : size;
  const mapped = mmap(edit, {
    address: start,
    length: whole,
    prot: protOf(segment),
    flags: MAP.PRIVATE | place,
    offset: segment.offset - offset,
    file,
    program: true,
  });
  if (!mapped.ok || whole <= size) return mapped;
  const rest = munmapRange(edit, pageOf(mapped.value + size), pageOf(mapped.value + whole));
  return rest.ok ? mapped : rest;
}

/** vm_brk_flags: anonymous writable memory over whatever was there. */
function vmBrkFlags(edit: MmEdit, from: number, to: number, exec: boolean): Result<void> {
  if (to <= from) return done;
  const start = pageOf(from) as Vpn;
  const end = pageOf(to) as Vpn;
  const cleared = munmapRange(edit, start, end);
  return cleared.ok ? doBrkFlags(edit, start, end, exec ? VM.EXEC : 0) : cleared;
}

function extent(edit: MmEdit, loads: readonly ElfSegment[], bias: number): LoadedImage {
  const code = loads.filter((s) => s.flags.includes("x"));
  const first = edit.env.traits.startCode === "any" ? loads : code;
  return {
    bias,
    startCode: bias + Math.min(...first.map((s) => s.vaddr)),
    endCode: bias + Math.max(...code.map((s) => s.vaddr + s.filesz)),
    startData: bias + Math.max(...loads.map((s) => s.vaddr)),
    endData: bias + Math.max(...loads.map((s) => s.vaddr + s.filesz)),
    end: bias + Math.max(...loads.map((s) => s.vaddr + s.memsz)),
  };
}
