import { MADV, MAP, MCL, MLOCK_ONFAULT, MREMAP, MS } from "@pagetrail/core";
import { asking, type VerbReader } from "./ask.ts";
import type { Cursor } from "./cursor.ts";
import {
  addressOfOutcome,
  knownPath,
  newAddress,
  readFlags,
  readPart,
  readProt,
  takeBytes,
} from "./operands.ts";
import type { Value } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { bytesOf, readRange, readValue, wordOf } from "./value.ts";

/** Words behind a mapping, and the flags that they set. */
export const MAP_WORDS: Readonly<Record<string, number>> = {
  locked: MAP.LOCKED,
  populate: MAP.POPULATE,
  noreserve: MAP.NORESERVE,
  growsdown: MAP.GROWSDOWN,
  stack: MAP.STACK,
  hugetlb: MAP.HUGETLB,
  "32bit": MAP["32BIT"],
};

/** Words in front of `at`: what becomes of mappings that are there. */
const PLACED = { fixed: MAP.FIXED, noreplace: MAP.FIXED_NOREPLACE } as const;
const SHARING = { private: MAP.PRIVATE, shared: MAP.SHARED, droppable: MAP.DROPPABLE } as const;

/** What stands behind the kind of a mapping, in any order. */
interface MapOptions {
  flags: number;
  at: Value;
  offset: Value;
}

const zero: Value = () => 0n;

const readMmap: VerbReader = (cursor, scope) => {
  const name = newAddress(cursor, scope);
  const size = readValue(cursor, scope, "a length");
  const prot = readProt(cursor);
  const sharing = SHARING[cursor.oneOf("private", "shared", "droppable")];
  const path = cursor.oneOf("anon", "file") === "file" ? knownPath(cursor, scope) : undefined;
  const { flags, at, offset } = readMapOptions(cursor, scope);
  const kind = sharing | (path === undefined ? MAP.ANONYMOUS : 0);
  return (scene) => [
    {
      request: {
        call: "mmap",
        addr: wordOf(at(scene)),
        length: wordOf(size(scene)),
        prot,
        flags: kind | flags,
        offset: wordOf(offset(scene)),
        file: path === undefined ? 0 : scene.file(path).id,
      },
      noted: (outcome) => scene.bind(name.of(scene), addressOfOutcome(outcome)),
    },
  ];
};

function readMapOptions(cursor: Cursor, scope: Scope): MapOptions {
  const options: MapOptions = { flags: 0, at: zero, offset: zero };
  for (;;) {
    options.flags |= readFlags(cursor, MAP_WORDS);
    if (cursor.word("offset") !== undefined) {
      options.offset = readValue(cursor, scope, "an offset");
      continue;
    }
    const placed = cursor.word("fixed", "noreplace");
    if (placed !== undefined) options.flags |= PLACED[placed];
    const at = placed === undefined ? cursor.word("at") : cursor.oneOf("at");
    if (at === undefined) return options;
    options.at = readValue(cursor, scope, "an address");
  }
}

const readMprotect: VerbReader = (cursor, scope) => {
  const part = readPart(cursor, scope);
  const prot = readProt(cursor);
  return asking((scene) => ({ call: "mprotect", ...part(scene), prot }));
};

const MREMAP_WORDS = { maymove: MREMAP.MAYMOVE, dontunmap: MREMAP.DONTUNMAP } as const;

const readMremap: VerbReader = (cursor, scope) => {
  const start = readValue(cursor, scope, "an address");
  const from = readValue(cursor, scope, "the old length");
  cursor.oneOf("to");
  const to = readValue(cursor, scope, "the new length");
  let flags = readFlags(cursor, MREMAP_WORDS);
  let place = zero;
  if (cursor.word("fixed") !== undefined) {
    flags |= MREMAP.FIXED;
    cursor.oneOf("at");
    place = readValue(cursor, scope, "an address");
    flags |= readFlags(cursor, MREMAP_WORDS);
  }
  const name = cursor.word("as") === undefined ? undefined : newAddress(cursor, scope);
  return (scene) => [
    {
      request: {
        call: "mremap",
        addr: wordOf(start(scene)),
        oldLength: wordOf(from(scene)),
        newLength: wordOf(to(scene)),
        flags,
        newAddr: wordOf(place(scene)),
      },
      noted: (outcome) => name && scene.bind(name.of(scene), addressOfOutcome(outcome)),
    },
  ];
};

/** `brk +64K` and `brk -4K` move the break, `brk ADDRESS` sets it. */
const readBrk: VerbReader = (cursor, scope) => {
  const sign = cursor.take(/[+-]/, "+ or -");
  const value = readValue(cursor, scope, sign === undefined ? "an address" : "a length");
  if (sign === undefined) return asking((scene) => ({ call: "brk", addr: wordOf(value(scene)) }));
  const by: Value = sign === "+" ? value : (scene) => -value(scene);
  return asking((scene) => ({ call: "brk", addr: wordOf(scene.place("brk") + by(scene)) }));
};

const ADVICE = Object.keys(MADV) as (keyof typeof MADV)[];

const readMadvise: VerbReader = (cursor, scope) => {
  const part = readPart(cursor, scope);
  const advice = MADV[cursor.oneOf(...ADVICE)];
  return asking((scene) => ({ call: "madvise", ...part(scene), advice }));
};

const readMlockall: VerbReader = (cursor) => {
  const flags = readFlags(cursor, { current: MCL.CURRENT, future: MCL.FUTURE, onfault: MCL.ONFAULT });
  return asking(() => ({ call: "mlockall", flags }));
};

/** A call of an address and a length with flags behind them. */
const flagged =
  (call: "mlock" | "msync" | "mseal", flags: Readonly<Record<string, number>>): VerbReader =>
  (cursor, scope) => {
    const part = readPart(cursor, scope);
    const set = readFlags(cursor, flags);
    return asking((scene) => ({ call, ...part(scene), flags: set }));
  };

/** A call of an address and a length. */
const plain =
  (call: "munmap" | "munlock" | "mincore"): VerbReader =>
  (cursor, scope) => {
    const part = readPart(cursor, scope);
    return asking((scene) => ({ call, ...part(scene) }));
  };

/** A place or a range that the program touches; a write may leave bytes. */
const touching =
  (kind: "read" | "write" | "exec"): VerbReader =>
  (cursor, scope) => {
    const range = readRange(cursor, scope);
    const value = kind === "write" && range.end === undefined ? takeBytes(cursor) : undefined;
    return (scene) => {
      const { start, length } = bytesOf(range, scene);
      const what = value === undefined ? (length === 1 ? {} : { length }) : { value };
      return [{ request: { call: "access", addr: wordOf(start), kind, ...what }, as: kind }];
    };
  };

/** What a process asks of its own memory, and how it uses it. */
export const MEMORY_VERBS: Readonly<Record<string, VerbReader>> = {
  mmap: readMmap,
  munmap: plain("munmap"),
  mprotect: readMprotect,
  mremap: readMremap,
  brk: readBrk,
  madvise: readMadvise,
  mlock: flagged("mlock", { onfault: MLOCK_ONFAULT }),
  munlock: plain("munlock"),
  mlockall: readMlockall,
  munlockall: () => asking(() => ({ call: "munlockall" })),
  mseal: flagged("mseal", {}),
  msync: flagged("msync", { sync: MS.SYNC, async: MS.ASYNC, invalidate: MS.INVALIDATE }),
  mincore: plain("mincore"),
  read: touching("read"),
  write: touching("write"),
  run: touching("exec"),
};
