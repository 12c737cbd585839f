import {
  type FileKind,
  IA32,
  legacyBase,
  mmapBase,
  PERSONALITY,
  type Profile,
  X86_64,
} from "@pagetrail/core";
import type { Child } from "./child.ts";
import type { LiveRun, LiveVma } from "./live-kernel.ts";

/** What the model of a run is told about the machine and the program's file on disk. */
export interface Surroundings {
  readonly profile: Profile;
  /** Pages that the machine has committed when a run begins; only strict overcommit asks. */
  readonly committed: number;
  /** Processors that the machine may have. */
  readonly cpus: number;
  /** Path of the file behind the program's descriptors 28 and 29; those of 31 and 32 have a letter more. */
  readonly file: string;
  readonly fileKind: FileKind;
}

const PROGRAM = "/program";
const STACK_BYTES = 0x21000;
const LOCK_LIMIT = 8 * 2 ** 20;

/** The program's own mappings as gcc links it: code, constants and variables. */
const IMAGES = {
  "x86-64": { start: 0x400000, heap: 0xb08000 },
  i386: { start: 0x8048000, heap: 0x8750000 },
} as const;

/**
 * What a run starts with on the reference machine, for where no kernel can be asked: the same mappings as the
 * real program has, at the places that the kernel gives them.
 */
export function referenceStart({ abi, personality, stackLimit }: Child): LiveRun {
  const layout = abi === "i386" ? IA32 : X86_64;
  const { start, heap } = IMAGES[abi];
  const bottomUp = (personality & PERSONALITY.ADDR_COMPAT_LAYOUT) !== 0;
  const base = (bottomUp ? legacyBase(layout, 0) : mmapBase(layout, stackLimit, NOT_RANDOM)) * 4096;
  const vvar = bottomUp ? base : base - 0x8000;
  const vma = (from: number, bytes: number, permissions: string, codes: string, name = ""): LiveVma => ({
    start: from,
    end: from + bytes,
    permissions,
    offset: name === PROGRAM ? from - start : 0,
    name,
    codes,
  });
  const bss = start + 0x3000;
  const vmas = [
    vma(start, 0x1000, "r--p", "rd mr mw me", PROGRAM),
    vma(start + 0x1000, 0x1000, "r-xp", "rd ex mr mw me", PROGRAM),
    vma(start + 0x2000, 0x1000, "r--p", "rd mr mw me", PROGRAM),
    vma(bss, heap - bss, "rw-p", "rd wr mr mw me ac"),
    vma(vvar, 0x4000, "r--p", "rd mr pf io de dd", "[vvar]"),
    vma(vvar + 0x4000, 0x2000, "r--p", "rd mr pf io de dd", "[vvar_vclock]"),
    vma(vvar + 0x6000, 0x2000, "r-xp", "rd ex mr mw me de", "[vdso]"),
    vma(layout.stackTop - STACK_BYTES, STACK_BYTES, "rw-p", "rd wr mr mw me gd ac", "[stack]"),
  ];
  const kb = vmas.reduce((sum, v) => sum + (v.end - v.start) / 1024, 0);
  const free = Number.POSITIVE_INFINITY;
  return {
    stackPointer: layout.stackTop - 0x1920,
    brk: heap,
    startCode: start + 0x1000,
    endCode: start + 0x1dea,
    startData: bss + 0xe0,
    endData: bss + 0xe0,
    limits: [free, free, free, free, stackLimit, free, LOCK_LIMIT, LOCK_LIMIT],
    appendOnly: true,
    secret: true,
    moments: [{ result: "0x0", vmas, sizes: { VmPeak: kb } }],
  };
}

const NOT_RANDOM = { on: false, pages: 0 };
