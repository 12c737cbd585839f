import { parseWord, type Request, type Word } from "@pagetrail/core";
import {
  MADV,
  MAP,
  MCL,
  MLOCK,
  MPOL,
  MPOL_MF,
  MREMAP,
  MS,
  PERSONALITY,
  PR,
  PR_MDWE,
  PR_SET_MM,
  PR_SET_VMA,
  PROT,
  SHM,
  type StraceCall,
} from "../text/index.ts";
import { Arguments } from "./arguments.ts";

/** Answers the file id behind a descriptor argument: BAD_FILE when it is not open. */
export type FileIdOf = (argument: string) => number;

/** Reads a call as a request; undefined when an argument cannot be read. */
type Reader = (a: Arguments, fileId: FileIdOf) => Request | undefined;

const ANONYMOUS = 0x20;

/** Builds a request when every member could be read. */
function whole<R extends Request>(r: { readonly [K in keyof R]: R[K] | undefined }): R | undefined {
  return Object.values(r).includes(undefined) ? undefined : (r as R);
}

const range = (a: Arguments) => ({ addr: a.word(0), length: a.word(1) });

const READERS: Readonly<Record<string, Reader>> = {
  mmap: readMmap,
  // The 32-bit call counts its offset in pages; strace prints bytes.
  mmap2: readMmap,
  munmap: (a) => whole({ call: "munmap", ...range(a) }),
  mprotect: (a) => whole({ call: "mprotect", ...range(a), prot: a.flags(2, PROT) }),
  pkey_mprotect: (a) =>
    whole({ call: "pkey_mprotect", ...range(a), prot: a.flags(2, PROT), pkey: a.number(3) }),
  remap_file_pages: (a) =>
    whole({
      call: "remap_file_pages",
      addr: a.word(0),
      size: a.word(1),
      prot: a.flags(2, PROT),
      pgoff: a.word(3),
      flags: a.flags(4, MAP),
    }),
  process_madvise: readProcessMadvise,
  process_mrelease: (a) =>
    whole({ call: "process_mrelease", target: processBehind(a.text(0)), flags: a.word(1) }),
  mbind: readMbind,
  io_setup: readIoSetup,
  io_destroy: (a) => whole({ call: "io_destroy", ctx: a.word(0) }),
  mremap: (a) =>
    whole({
      call: "mremap",
      addr: a.word(0),
      oldLength: a.word(1),
      newLength: a.word(2),
      flags: a.flags(3, MREMAP),
      newAddr: a.call.args.length > 4 ? a.word(4) : 0,
    }),
  brk: (a) => whole({ call: "brk", addr: a.word(0) }),
  madvise: (a) => whole({ call: "madvise", ...range(a), advice: a.flags(2, MADV) }),
  mlock: (a) => whole({ call: "mlock", ...range(a), flags: 0 }),
  mlock2: (a) => whole({ call: "mlock", ...range(a), flags: a.flags(2, MLOCK) }),
  munlock: (a) => whole({ call: "munlock", ...range(a) }),
  mlockall: (a) => whole({ call: "mlockall", flags: a.flags(0, MCL) }),
  munlockall: () => ({ call: "munlockall" }),
  msync: (a) => whole({ call: "msync", ...range(a), flags: a.flags(2, MS) }),
  mincore: (a) => whole({ call: "mincore", ...range(a) }),
  mseal: (a) => whole({ call: "mseal", ...range(a), flags: a.word(2) }),
  // strace 6.1 does not know mseal yet.
  syscall_0x1ce: (a) => whole({ call: "mseal", ...range(a), flags: a.word(2) }),
  shmat: (a) => whole({ call: "shmat", shm: a.number(0), addr: a.word(1), flags: a.flags(2, SHM) }),
  shmdt: (a) => whole({ call: "shmdt", addr: a.word(0) }),
  personality: (a) => whole({ call: "personality", persona: a.flags(0, PERSONALITY) }),
  prctl: readPrctl,
};

function readMmap(a: Arguments, fileId: FileIdOf): Request | undefined {
  const flags = a.flags(3, MAP);
  if (flags === undefined) return undefined;
  const anonymous = Math.floor(flags / ANONYMOUS) % 2 === 1;
  return whole({
    call: "mmap",
    addr: a.word(0),
    length: a.word(1),
    prot: a.flags(2, PROT),
    flags,
    offset: a.word(5),
    file: anonymous ? 0 : fileId(a.text(4)),
  });
}

/** Options of prctl that the model's rules decide; every other is no business of address spaces and their owners. */
const MODELLED_PRCTL: readonly string[] = [
  "PR_SET_CHILD_SUBREAPER",
  "PR_SET_VMA",
  "PR_SET_MDWE",
  "PR_GET_MDWE",
  "PR_SET_THP_DISABLE",
  "PR_GET_THP_DISABLE",
  "PR_SET_MM",
  "PR_SET_MEMORY_MERGE",
  "PR_GET_MEMORY_MERGE",
];

/** What PR_SET_MM takes from memory or from a descriptor: no argument tells it. */
const UNSEEN_PR_SET_MM: readonly string[] = [
  "PR_SET_MM_AUXV",
  "PR_SET_MM_EXE_FILE",
  "PR_SET_MM_MAP",
  "PR_SET_MM_MAP_SIZE",
];

function readPrctl(a: Arguments): Request | undefined {
  const option = a.flags(0, PR);
  if (!MODELLED_PRCTL.some((name) => PR[name] === option)) return undefined;
  const isMm = option === PR.PR_SET_MM;
  const names = isMm ? PR_SET_MM : { ...PR_SET_VMA, ...PR_MDWE };
  const arg = a.text(1) === "" ? 0 : a.flags(1, names);
  if (isMm && UNSEEN_PR_SET_MM.some((name) => PR_SET_MM[name] === arg)) return undefined;
  const rest = (index: number): Word | undefined =>
    a.text(index) === "" ? 0 : (a.word(index) ?? a.number(index));
  const [arg3, arg4, arg5] = [rest(2), rest(3), rest(4)];
  const known = whole({ call: "prctl", option, arg, arg3, arg4, arg5 });
  return (
    known && { call: "prctl", option: known.option, arg: known.arg, ...withoutZeros({ arg3, arg4, arg5 }) }
  );
}

const withoutZeros = (words: Readonly<Record<string, Word | undefined>>): object =>
  Object.fromEntries(Object.entries(words).filter(([, word]) => word !== 0));

/** The process behind a descriptor, as `process_madvise` has it. */
const processBehind = (text: string): number | undefined => {
  const [, pid] = PIDFD.exec(text) ?? [];
  return pid === undefined ? undefined : Number(pid);
};

const PIDFD = /^\d+<pid:(\d+)>$/;

/** Nodes as strace prints them: words of 64 bits in hex, or NULL for none. */
function readMbind(a: Arguments): Request | undefined {
  const [, first = "", rest = ""] = /^\[0x([0-9a-f]+)((?:, [0-9a-fx]+)*)\]$/.exec(a.text(3)) ?? [];
  const isNone = a.text(3) === "NULL" || a.text(3) === "[]";
  if ((first === "" && !isNone) || /[1-9a-f]/.test(rest.replaceAll("0x", ""))) return undefined;
  const nodes = isNone ? 0 : (parseWord(`0x${first}`) ?? 0);
  const [addr, length, mode, flags] = [a.word(0), a.word(1), a.flags(2, MPOL), a.flags(5, MPOL_MF)];
  return whole({ call: "mbind", addr, length, mode, nodes, flags });
}

/**
 * A refused one may have been handed a context that was not empty, which is not shown. Of how many processors the
 * machine has nothing is known; a ring for few events is larger where they are many.
 */
function readIoSetup(a: Arguments): Request | undefined {
  const events = a.number(0);
  const refused = a.call.result.kind === "error" && a.call.result.errno === "EINVAL";
  return refused && events !== 0 ? undefined : whole({ call: "io_setup", events, cpus: 1 });
}

/** The process is known only where strace names it behind the descriptor: `3<pid:4242>`. */
function readProcessMadvise(a: Arguments): Request | undefined {
  const pid = processBehind(a.text(0));
  const pairs = [...a.text(1).matchAll(/\{iov_base=(0x[0-9a-f]+|NULL), iov_len=(\d+)\}/g)];
  if (pid === undefined || pairs.length !== a.number(2)) return undefined;
  const ranges = pairs.map(([, base = "", length = ""]): [Word, Word] => [
    base === "NULL" ? 0 : (parseWord(base) ?? 0),
    Number(length),
  ]);
  const advice = a.flags(3, MADV);
  return whole({ call: "process_madvise", target: pid, ranges, advice, flags: a.word(4) });
}

/** The request that a memory call makes; undefined for other calls, and for arguments that make no sense. */
export function readMemoryCall(call: StraceCall, fileId: FileIdOf): Request | undefined {
  const reader = Object.hasOwn(READERS, call.name) ? READERS[call.name] : undefined;
  return reader?.(new Arguments(call), fileId);
}

/** Whether a call's name is one that `readMemoryCall` should be able to read. */
export const isMemoryCall = (name: string): boolean => Object.hasOwn(READERS, name) && name !== "prctl";
