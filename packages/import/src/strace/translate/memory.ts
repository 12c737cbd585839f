import type { Request } from "@pagetrail/core";
import {
  MADV,
  MAP,
  MCL,
  MLOCK,
  MREMAP,
  MS,
  PERSONALITY,
  PR,
  PR_MDWE,
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
    a.number(3) === -1 ? whole({ call: "mprotect", ...range(a), prot: a.flags(2, PROT) }) : undefined,
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

/** Options of prctl that the model's rules decide; every other is no business of an address space. */
const MODELLED_PRCTL: readonly string[] = ["PR_SET_VMA", "PR_SET_MDWE"];

function readPrctl(a: Arguments): Request | undefined {
  const option = a.flags(0, PR);
  const modelled = MODELLED_PRCTL.some((name) => PR[name] === option);
  const arg = a.flags(1, { ...PR_SET_VMA, ...PR_MDWE });
  return modelled ? whole({ call: "prctl", option, arg }) : undefined;
}

/** The request that a memory call makes; undefined for other calls, and for arguments that make no sense. */
export function readMemoryCall(call: StraceCall, fileId: FileIdOf): Request | undefined {
  const reader = Object.hasOwn(READERS, call.name) ? READERS[call.name] : undefined;
  return reader?.(new Arguments(call), fileId);
}

/** Whether a call's name is one that `readMemoryCall` should be able to read. */
export const isMemoryCall = (name: string): boolean => Object.hasOwn(READERS, name) && name !== "prctl";
