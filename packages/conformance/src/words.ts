import { IA32, MADV, PAGE_SIZE, type Word, X86_64 } from "@pagetrail/core";
import type { Abi } from "./operation.ts";

/** Descriptors by how often they are drawn; 99 is not open. */
export const FDS: readonly number[] = [
  20, 20, 20, 20, 21, 21, 22, 23, 24, 25, 25, 26, 27, 28, 28, 29, 30, 99,
];

/** Numbers at the edges of what a kind of program can say. */
export interface Words {
  /** Where the program itself is linked; it ends where the heap begins. */
  readonly program: number;
  readonly addresses: readonly number[];
  readonly lengths: readonly Word[];
  readonly large: readonly number[];
  readonly offsets: readonly Word[];
  /** Beyond the end of every file: runs that use them populate nothing. */
  readonly farOffsets: readonly Word[];
}

const MIB = 2 ** 20;
const OFFSETS: readonly Word[] = [0, PAGE_SIZE, 2 * MIB, 2 * MIB - PAGE_SIZE];
const LARGE: readonly number[] = [
  ...[2, 4, 3, 1, 1024].map((mib) => mib * MIB),
  ...[513, 511].map((pages) => pages * PAGE_SIZE),
  2 ** 31,
];

const words = (span: bigint, taskSize: number, more: Partial<Words>): Words => ({
  program: 0x400000,
  addresses: [
    ...[0, 1, PAGE_SIZE, 0xf000, 0x10000, 0x40000000, 0x7fffe000],
    ...[-PAGE_SIZE, 0, PAGE_SIZE, -3 * PAGE_SIZE].map((beyond) => taskSize + beyond),
  ],
  lengths: [0, 1, span - 1n, span - 4096n, span - 4095n, taskSize, taskSize + PAGE_SIZE, span / 2n],
  large: LARGE,
  offsets: OFFSETS,
  farOffsets: OFFSETS,
  ...more,
});

export const WORDS: Readonly<Record<Abi, Words>> = {
  "x86-64": words(1n << 64n, X86_64.taskSize, {
    large: [...LARGE, 2 ** 42, 100 * 2 ** 40],
    offsets: [...OFFSETS, 1],
    farOffsets: [...OFFSETS, 1, 2n ** 63n - 4096n, 2n ** 64n - 4096n],
  }),
  // Its offsets are counted in pages, so that they may pass 32 bits.
  i386: words(1n << 32n, IA32.taskSize, {
    program: 0x8048000,
    farOffsets: [...OFFSETS, 2 ** 44 - PAGE_SIZE],
  }),
};

export const ADVICE: readonly number[] = [
  ...[MADV.NORMAL, MADV.RANDOM, MADV.SEQUENTIAL, MADV.WILLNEED, MADV.DONTNEED, MADV.FREE, MADV.REMOVE],
  ...[MADV.DONTFORK, MADV.DOFORK, MADV.MERGEABLE, MADV.UNMERGEABLE, MADV.NOHUGEPAGE, MADV.DONTDUMP],
  ...[MADV.DODUMP, MADV.WIPEONFORK, MADV.KEEPONFORK, MADV.COLD, MADV.PAGEOUT, MADV.DONTNEED_LOCKED, 5, 77],
];
