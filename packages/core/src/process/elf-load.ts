import {
  alignDown,
  alignUp,
  done,
  ok,
  PAGE_SIZE,
  pageOf,
  type Result,
  refuse,
  shrink,
  type Vpn,
  type Word,
} from "../base/index.ts";
import { access } from "../fault/index.ts";
import {
  doBrkFlags,
  MAP,
  type MmEdit,
  mmap,
  munmap,
  munmapRange,
  type OpenFile,
  PROT,
  VM,
} from "../mm/index.ts";
import type { ElfImage, ElfSegment } from "./elf-image.ts";

/**
 * Where an image came to lie. Bytes; `end` is the highest byte of memory it asked for. A bias below 0 stands for
 * the word that it wraps to, and so does `startCode` of an image without code: the byte below its bias.
 */
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

const isPowerOfTwo = (n: bigint): boolean => n > 0n && (n & (n - 1n)) === 0n;

/**
 * The largest alignment that is a power of two: maximum_alignment, fs/binfmt_elf.c. At least a page, or 0 where
 * no segment has any.
 */
export function maximumAlignment({ env }: MmEdit, image: ElfImage): number {
  if (!env.traits.alignsPrograms) return 0;
  const wanted = image.segments.filter(isLoad).map((s) => BigInt(s.align));
  return pageEnd(Math.max(0, ...wanted.filter(isPowerOfTwo).map(Number)));
}

/** Bytes from the first loaded page to the last byte: total_mapping_size. */
function totalMappingSize(loads: readonly ElfSegment[]): number {
  const low = Math.min(...loads.map((s) => pageStart(s.vaddr)));
  return Math.max(...loads.map((s) => s.vaddr + s.memsz)) - low;
}

/** How one segment is placed: where its image begins, with which flag of mmap, and over how much at first. */
interface Place {
  readonly bias: number;
  readonly flag: number;
  readonly total: number;
}

/**
 * Maps the LOAD segments of a program in file order.
 *
 * @param at where a program that has an interpreter and is linked at 0 goes (bytes); undefined otherwise
 * @refuses what mmap refuses; EINVAL, ENOMEM for headers that cannot be mapped. exec cannot return then
 * @kernel load_elf_binary, elf_load, fs/binfmt_elf.c (6.18)
 */
export function loadProgram(
  edit: MmEdit,
  file: OpenFile,
  image: ElfImage,
  at: number | undefined,
): Result<LoadedImage> {
  const loads = image.segments.filter(isLoad);
  const [first] = loads;
  let bias = 0;
  for (const segment of loads) {
    const bad = checkSegment(edit, segment, segment.vaddr);
    if (!bad.ok) return bad;
    const place: Result<Place> =
      segment === first
        ? placeFirst(edit, file, image, segment, at)
        : ok({ bias, flag: MAP.FIXED, total: 0 });
    if (!place.ok) return place;
    const addr = place.value.bias + segment.vaddr;
    const mapped = loadSegment(edit, file, segment, addr, place.value);
    if (!mapped.ok) return mapped;
    bias = place.value.bias;
    if (segment === first && image.type === "DYN") bias += mapped.value - pageStart(addr);
  }
  return ok(extent(edit, loads, bias));
}

/**
 * Maps the LOAD segments of an interpreter in file order: at its own place if it has one, else where the search
 * says.
 *
 * @param biased whether the program itself was moved, so that the interpreter's addresses are no hint
 * @refuses what mmap refuses; ELIBBAD, EINVAL, ENOMEM for headers that cannot be mapped. exec cannot return then
 * @kernel load_elf_interp, fs/binfmt_elf.c (6.18)
 */
export function loadInterpreter(
  edit: MmEdit,
  file: OpenFile,
  image: ElfImage,
  biased: boolean,
): Result<LoadedImage> {
  if (image.type !== "EXEC" && image.type !== "DYN") return refuse("ELIBBAD", "no program at all");
  const loads = image.segments.filter(isLoad);
  const [first] = loads;
  if (!first) return refuse("EINVAL", "the interpreter has no segment to load");
  let place: Place = {
    bias: image.type === "DYN" && biased ? -first.vaddr : 0,
    flag: image.type === "EXEC" ? MAP.FIXED : 0,
    total: totalMappingSize(loads),
  };
  for (const segment of loads) {
    const mapped = loadSegment(edit, file, segment, place.bias + segment.vaddr, place);
    if (!mapped.ok) return mapped;
    const moved = segment === first && image.type === "DYN";
    const bias = moved ? mapped.value - pageStart(segment.vaddr) : place.bias;
    const bad = checkSegment(edit, segment, bias + segment.vaddr);
    if (!bad.ok) return bad;
    place = { bias, flag: MAP.FIXED, total: 0 };
  }
  return ok(extent(edit, loads, place.bias));
}

function checkSegment(edit: MmEdit, s: ElfSegment, start: number): Result<void> {
  const { taskSize } = edit.mm.layout;
  if (start >= taskSize || s.filesz > s.memsz || s.memsz > taskSize || taskSize - s.memsz < start)
    return refuse("EINVAL", "a segment does not fit the address space");
  return done;
}

/**
 * Where the first segment goes. A program that stands alone is placed by the search, which knows nothing of its
 * alignment: a trial finds a place, which is then aligned downward.
 */
function placeFirst(
  edit: MmEdit,
  file: OpenFile,
  image: ElfImage,
  segment: ElfSegment,
  at: number | undefined,
): Result<Place> {
  if (image.type === "EXEC") return ok({ bias: 0, flag: MAP.FIXED_NOREPLACE, total: 0 });
  const total = totalMappingSize(image.segments.filter(isLoad));
  if (total === 0) return refuse("EINVAL", "the segments to load hold no byte");
  const beside = (from: number): number => pageStart(from - segment.vaddr);
  if (at !== undefined) return ok({ bias: beside(at), flag: MAP.FIXED_NOREPLACE, total });
  const alignment = maximumAlignment(edit, image);
  if (alignment <= PAGE_SIZE) return ok({ bias: beside(0), flag: 0, total });
  const trial = loadSegment(edit, file, segment, 0, { bias: 0, flag: 0, total });
  if (!trial.ok) return trial;
  munmap(edit, trial.value, total);
  return ok({ bias: beside(alignDown(trial.value, alignment)), flag: MAP.FIXED_NOREPLACE, total });
}

/** elf_load: the file's part, then anonymous memory for what the file does not fill. Answers the first page. */
function loadSegment(
  edit: MmEdit,
  file: OpenFile,
  segment: ElfSegment,
  addr: number,
  place: Place,
): Result<number> {
  const offset = pageOffset(segment.vaddr);
  let start = pageStart(addr);
  if (segment.filesz > 0) {
    const mapped = elfMap(edit, file, segment, start, place);
    if (!mapped.ok) return mapped;
    start = mapped.value;
    const zeroed = padZero(edit, file, segment, start + offset + segment.filesz);
    if (!zeroed.ok) return zeroed;
  }
  if (segment.memsz > segment.filesz) {
    const zeroFrom = pageEnd(start + (segment.filesz > 0 ? offset + segment.filesz : 0));
    const zeroTo = pageEnd(start + offset + segment.memsz);
    const cleared = vmBrkFlags(edit, zeroFrom, zeroTo, segment.flags.includes("x"));
    if (!cleared.ok) return cleared;
  }
  const inside = start >= 0 && start < edit.mm.layout.taskSize;
  return inside ? ok(start) : refuse("EINVAL", "a segment lies beyond user space");
}

/**
 * Clears what the file's last page holds behind a segment's data, which makes a copy of that page. Only a
 * segment that cannot be written to may stay as it is.
 *
 * @kernel padzero, elf_load, fs/binfmt_elf.c (6.18)
 */
function padZero(edit: MmEdit, file: OpenFile, segment: ElfSegment, from: number): Result<void> {
  if (segment.memsz <= segment.filesz || pageOffset(from) === 0 || !segment.flags.includes("w")) return done;
  const refused = refuse("EFAULT", "the bss cannot be cleared: its page lies beyond the end of the file");
  if (edit.env.memory) return access(edit, from, 1, "write") ? refused : done;
  const inFile = BigInt(segment.offset) + BigInt(pageStart(pageOffset(segment.vaddr) + segment.filesz));
  const pageInFile = inFile - BigInt(pageOffset(segment.vaddr));
  return file.size !== undefined && pageInFile >= BigInt(file.size) ? refused : done;
}

/** elf_map: with a total, the whole image's span is mapped and the excess taken away again. */
function elfMap(
  edit: MmEdit,
  file: OpenFile,
  segment: ElfSegment,
  start: number,
  { flag, total }: Place,
): Result<number> {
  const offset = pageOffset(segment.vaddr);
  const size = pageEnd(segment.filesz + offset);
  const whole = total > 0 ? pageEnd(total) : size;
  const mapped = mmap(edit, {
    address: wordOf(BigInt(start)),
    length: whole,
    prot: protOf(segment),
    flags: MAP.PRIVATE | flag,
    offset: wordOf(BigInt(segment.offset) - BigInt(offset)),
    file,
    program: true,
  });
  if (mapped.ok && whole > size) munmap(edit, mapped.value + size, whole - size);
  return mapped;
}

const wordOf = (n: bigint): Word => shrink(BigInt.asUintN(64, n));

/** vm_brk_flags: anonymous writable memory over whatever was there. */
function vmBrkFlags(edit: MmEdit, from: number, to: number, exec: boolean): Result<void> {
  if (to <= from) return done;
  if (from < 0 || to > edit.mm.layout.taskSize) return refuse("ENOMEM", "the bss leaves user space");
  const { sysctl, capabilities } = edit.env;
  if (from < sysctl.mmapMinAddr && !capabilities.sysRawio)
    return refuse("EPERM", "the bss lies below vm.mmap_min_addr, without CAP_SYS_RAWIO");
  const start = pageOf(from) as Vpn;
  const end = pageOf(to) as Vpn;
  const cleared = munmapRange(edit, start, end);
  return cleared.ok ? doBrkFlags(edit, start, end, exec ? VM.EXEC : 0, "any") : cleared;
}

function extent(edit: MmEdit, loads: readonly ElfSegment[], bias: number): LoadedImage {
  const code = loads.filter((s) => s.flags.includes("x"));
  const first = edit.env.traits.startCode === "any" ? loads : code;
  const highest = (ends: readonly number[]): number => bias + Math.max(0, ...ends);
  return {
    bias,
    startCode: bias + (first.length > 0 ? Math.min(...first.map((s) => s.vaddr)) : -1),
    endCode: highest(code.map((s) => s.vaddr + s.filesz)),
    startData: highest(loads.map((s) => s.vaddr)),
    endData: highest(loads.map((s) => s.vaddr + s.filesz)),
    end: highest(loads.map((s) => s.vaddr + s.memsz)),
  };
}
