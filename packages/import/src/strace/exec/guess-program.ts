import {
  alignDown,
  alignUp,
  type ElfImage,
  type ElfSegment,
  IA32,
  type Layout,
  mmapBase,
  PAGE_SIZE,
  type ProgramFile,
  programLayout,
  X86_64,
} from "@pagetrail/core";
import type { ExecHints } from "./exec-hints.ts";

/** What linkers and loaders of a kind of program do. */
interface Habits {
  readonly layout: Layout;
  readonly machine: "x86-64" | "i386";
  /** Where programs of a fixed place lie. */
  readonly execBase: number;
  /** Without randomisation the heap of a position-dependent program starts below this. */
  readonly low: number;
  readonly loader: string;
}

const HABITS_64: Habits = {
  layout: X86_64,
  machine: "x86-64",
  execBase: 0x400000,
  low: 2 ** 32,
  loader: "/lib64/ld-linux-x86-64.so.2",
};

const HABITS_32: Habits = {
  layout: IA32,
  machine: "i386",
  execBase: 0x8048000,
  low: 2 ** 30,
  loader: "/lib/ld-linux.so.2",
};

function habitsOf({ looks32 }: ExecHints, personality: number): Habits {
  if (!looks32) return HABITS_64;
  const layout = programLayout(X86_64, { machine: "i386", class: 32 }, personality) ?? IA32;
  return { ...HABITS_32, layout };
}

/** Where a program that is linked at 0 goes without randomisation: ELF_ET_DYN_BASE's page. */
const pieBase = ({ layout }: Habits): number => alignDown(layout.elfEtDynBase, PAGE_SIZE);

/** A program and its heap lie this close together when the heap is not randomised. */
const NEAR = 2 ** 28;
const VDSO_PAGES = 8;

/** Offsets from the program's base, in bytes: what can be told of its extent. */
interface Extent {
  readonly base: number;
  readonly data: number;
  readonly relro: number;
  readonly end: number;
}

/**
 * The headers that a program probably has whose file is gone: the four segments that today's linkers make,
 * with the RELRO and the end that its first calls show. Everything between is a guess; right for small
 * programs, whose four segments of code and constants are a page each.
 */
export function guessProgram(path: string, hints: ExecHints, personality: number): ProgramFile {
  const habits = habitsOf(hints, personality);
  const pie = hints.startBrk === undefined || hints.startBrk > habits.low;
  const extent = pie && !hints.looksDynamic ? staticPie(hints, habits) : beforeHeap(hints, pie, habits);
  const origin = pie ? 0 : habits.execBase;
  const image: ElfImage = {
    class: habits.layout.bits,
    type: pie ? "DYN" : "EXEC",
    machine: habits.machine,
    entry: origin + PAGE_SIZE,
    segments: segments(origin, extent, hints.image?.code?.offset || PAGE_SIZE),
    ...(hints.looksDynamic ? { interp: habits.loader } : {}),
  };
  return { file: { path }, image };
}

/** A program whose heap begins at its end, or some random distance above. */
function beforeHeap(hints: ExecHints, pie: boolean, habits: Habits): Extent {
  const [seen] = hints.relros;
  const base = pie ? (codeBase(hints) ?? guessBase(seen?.start, pieBase(habits))) : habits.execBase;
  const data = seen ? seen.start - base : 3 * PAGE_SIZE;
  const relro = seen ? alignUp(seen.length, PAGE_SIZE) : 0;
  const least = data + relro + PAGE_SIZE;
  const distance = hints.startBrk === undefined ? NEAR : hints.startBrk - base;
  return { base, data, relro, end: distance < NEAR ? Math.max(distance, least) : least };
}

/** Linkers mostly place code in memory as in the file. */
const codeBase = ({ image }: ExecHints): number | undefined =>
  image?.code && image.code.start - image.code.offset;

/** Without randomisation at the fixed base; else some pages below the RELRO, as small programs are. */
const guessBase = (relro: number | undefined, usual: number): number =>
  relro === undefined || (relro > usual && relro - usual < NEAR) ? usual : relro - 3 * PAGE_SIZE;

/** A static PIE fills the top of the mapping area, down to the vdso, below which the first mapping goes. */
function staticPie(hints: ExecHints, { layout }: Habits): Extent {
  const top = mmapBase(layout, 8 * 2 ** 20, { on: false, pages: 0 }) * PAGE_SIZE;
  const placed = hints.firstPlaced;
  const base = placed ? placed.start + placed.length + VDSO_PAGES * PAGE_SIZE : top - 5 * PAGE_SIZE;
  const span = base < top ? top - base : 5 * PAGE_SIZE;
  const [seen] = hints.relros;
  const inside = seen !== undefined && seen.start > base && seen.start < base + span;
  const data = inside ? seen.start - base : Math.max(span - 2 * PAGE_SIZE, 3 * PAGE_SIZE);
  return { base, data, relro: inside ? seen.length : 0, end: Math.max(span, data + PAGE_SIZE) };
}

/** @param text where the code begins; before it lie the headers, behind it constants */
function segments(origin: number, { data, relro, end }: Extent, text: number): readonly ElfSegment[] {
  const code = Math.max(data, text + 2 * PAGE_SIZE);
  const file = Math.min(end - code, relro + PAGE_SIZE);
  const part = (
    type: ElfSegment["type"],
    flags: string,
    from: number,
    filesz: number,
    memsz = filesz,
  ): ElfSegment => ({
    type,
    flags,
    offset: from,
    vaddr: origin + from,
    filesz,
    memsz,
    align: PAGE_SIZE,
  });
  return [
    part("LOAD", "r--", 0, text),
    part("LOAD", "r-x", text, code - PAGE_SIZE - text),
    part("LOAD", "r--", code - PAGE_SIZE, PAGE_SIZE),
    // Linkers mostly let the data share a page of the file with the constants before it.
    { ...part("LOAD", "rw-", code, file, end - code), offset: code - PAGE_SIZE },
    ...(relro > 0 ? [part("GNU_RELRO", "r--", code, relro)] : []),
    { ...part("GNU_STACK", "rw-", 0, 0), vaddr: 0, align: 16 },
  ];
}
