import { UNLIMITED } from "../arch/index.ts";
import {
  fail,
  hex,
  ok,
  PAGE_SIZE,
  type Pid,
  pageOf,
  parseWord,
  type Result,
  type Word,
  wordHex,
} from "../base/index.ts";
import type { Event } from "./event.ts";
import type { Call, Outcome, Request } from "./request.ts";

/**
 * How a member of a request stands in a log: `word` an address or size as hex text, `page` a page number
 * as the hex text of its address, `int` a number, `size` a number or "unlimited", `text`, `record` JSON as
 * it is, `load` an exec's record, `ints` a list of numbers, `words` of words, `ranges` one of pairs of words, `entry` 32 or 64,
 * `counter` one of the two that an address space has.
 */
type Form =
  | "word"
  | "page"
  | "int"
  | "ints"
  | "size"
  | "text"
  | "record"
  | "words"
  | "ranges"
  | "entry"
  | "counter";

type Members<R> = { readonly [K in Exclude<keyof R, "call">]-?: Form };

/** The members of every request, in the order in which a log has them. */
const SHAPES: { readonly [C in Call]: Members<Request & { call: C }> } = {
  mmap: {
    addr: "word",
    length: "word",
    prot: "int",
    flags: "int",
    offset: "word",
    file: "int",
    entry: "entry",
  },
  munmap: { addr: "word", length: "word" },
  mprotect: { addr: "word", length: "word", prot: "int" },
  pkey_mprotect: { addr: "word", length: "word", prot: "int", pkey: "int" },
  remap_file_pages: { addr: "word", size: "word", prot: "word", pgoff: "word", flags: "int" },
  process_mrelease: { target: "int", flags: "word" },
  mbind: { addr: "word", length: "word", mode: "int", nodes: "word", flags: "word" },
  io_setup: { events: "int", cpus: "int" },
  io_destroy: { ctx: "word" },
  process_madvise: { target: "int", ranges: "ranges", advice: "int", flags: "word" },
  mremap: {
    addr: "word",
    oldLength: "word",
    newLength: "word",
    flags: "int",
    newAddr: "word",
    entry: "entry",
  },
  brk: { addr: "word" },
  madvise: { addr: "word", length: "word", advice: "int" },
  mlock: { addr: "word", length: "word", flags: "int" },
  munlock: { addr: "word", length: "word" },
  mlockall: { flags: "int" },
  munlockall: {},
  msync: { addr: "word", length: "word", flags: "int" },
  mincore: { addr: "word", length: "word" },
  mseal: { addr: "word", length: "word", flags: "word" },
  shmat: { shm: "int", addr: "word", flags: "int" },
  shmdt: { addr: "word" },
  personality: { persona: "int" },
  setrlimit: { target: "int", resource: "text", soft: "size", hard: "size" },
  prctl: { option: "int", arg: "word", arg3: "word", arg4: "word", arg5: "word", map: "words" },
  clone: { flags: "int", child: "int" },
  execve: { path: "text", load: "record", refused: "record" },
  exit: { code: "int" },
  exit_group: { code: "int" },
  vmalloc: { bytes: "word", caller: "text" },
  vfree: { addr: "word" },
  vmap: { pfns: "ints", guard: "int", caller: "text" },
  vunmap: { addr: "word" },
  kmap: { pfn: "int" },
  kunmap: { pfn: "int" },
  kmap_local: { pfn: "int", cpu: "int" },
  kunmap_local: { addr: "word", cpu: "int" },
  kmap_atomic: { pfn: "int", cpu: "int", type: "text" },
  kunmap_atomic: { cpu: "int", type: "text" },
  switch: { cpu: "int", next: "int", state: "text", unfinished: "int" },
  finish_task_switch: { cpu: "int" },
  wake: { target: "int" },
  migrate: { target: "int", cpu: "int" },
  cpu_online: { cpu: "int" },
  cpu_offline: { cpu: "int" },
  kthread: { child: "int", comm: "text" },
  kthread_stop: { target: "int" },
  kthread_park: { target: "int" },
  kthread_unpark: { target: "int" },
  oom_kill: { target: "int" },
  oom_reap: { target: "int" },
  use_mm: { target: "int" },
  unuse_mm: {},
  hold: { target: "int", counter: "counter", holder: "text" },
  release: { holder: "text" },
  adopt: { comm: "text", tgid: "int", pages: "text" },
  loaded: { comm: "text" },
  autoreap: { on: "int" },
  reveal: { start: "page", end: "page", prot: "int", flags: "int", pgoff: "int", file: "int" },
  appears: {
    start: "page",
    end: "page",
    flags: "int",
    high: "int",
    pgoff: "int",
    file: "int",
    label: "text",
    written: "int",
  },
  disappears: { start: "page", end: "page" },
  layout: { mmapBase: "page", brk: "word", startBrk: "word", startStack: "word" },
  file: { file: "record" },
  coredump: { signal: "text" },
  kill: { signal: "text", code: "text", addr: "word" },
  abandon: { why: "text" },
  reap: { child: "int" },
  access: { addr: "word", kind: "text", length: "int", value: "text" },
  cached: { file: "int", start: "int", end: "int", dirty: "int" },
  shmget: { key: "int", size: "int", shm: "int" },
  shmrm: { shm: "int" },
  unlink: { path: "text" },
  rename: { from: "text", to: "text" },
  given: { name: "text" },
};

/** The name of every request. */
export const CALLS: readonly Call[] = Object.keys(SHAPES) as Call[];

/** Members that a request may lack. */
const OPTIONAL: ReadonlySet<string> = new Set([
  "switch.unfinished",
  "mmap.entry",
  "mremap.entry",
  "execve.load",
  "execve.refused",
  "prctl.arg3",
  "prctl.arg4",
  "prctl.arg5",
  "adopt.pages",
  "appears.label",
  "appears.written",
  "layout.startBrk",
  "layout.startStack",
  "kill.code",
  "kill.addr",
  "access.kind",
  "access.length",
  "access.value",
  "cached.dirty",
  "prctl.map",
  "vmalloc.caller",
  "vmap.guard",
  "vmap.caller",
]);

type Json = Readonly<Record<string, unknown>>;

interface Member {
  readonly name: string;
  readonly form: Form;
  readonly optional: boolean;
}

/** The same as lists, which are walked for every event. */
const MEMBERS: ReadonlyMap<string, readonly Member[]> = new Map(
  Object.entries(SHAPES).map(([call, shape]) => [
    call,
    Object.entries<Form>(shape).map(([name, form]) => ({
      name,
      form,
      optional: OPTIONAL.has(`${call}.${name}`),
    })),
  ]),
);

function encodeMember(form: Form, value: unknown): unknown {
  switch (form) {
    case "word":
      return wordHex(value as Word);
    case "page":
      return hex((value as number) * PAGE_SIZE);
    case "size":
      return value === UNLIMITED ? "unlimited" : value;
    case "words":
      return (value as readonly Word[]).map(wordHex);
    case "ranges":
      return (value as readonly (readonly Word[])[]).map((pair) => pair.map(wordHex));
    default:
      return value;
  }
}

/** The member's value, or undefined when it is not of its form. */
function decodeMember(form: Form, value: unknown): unknown {
  switch (form) {
    case "word":
      return typeof value === "string" ? parseWord(value) : undefined;
    case "page": {
      const word = typeof value === "string" ? parseWord(value) : undefined;
      return typeof word === "number" ? pageOf(word) : undefined;
    }
    case "size":
      if (value === "unlimited") return UNLIMITED;
      return typeof value === "number" ? value : undefined;
    case "int":
      return Number.isSafeInteger(value) ? value : undefined;
    case "ints":
      return Array.isArray(value) && value.every(Number.isSafeInteger) ? value : undefined;
    case "text":
      return typeof value === "string" ? value : undefined;
    case "record":
      return typeof value === "object" && value !== null ? value : undefined;
    case "words":
      return decodeWords(value);
    case "ranges":
      return decodeRanges(value);
    case "entry":
      return value === 32 || value === 64 ? value : undefined;
    case "counter":
      return value === "users" || value === "count" ? value : undefined;
  }
}

function decodeWords(value: unknown): readonly Word[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const words = value.map((word) => (typeof word === "string" ? parseWord(word) : undefined));
  return words.every((word) => word !== undefined) ? words : undefined;
}

function decodeRanges(value: unknown): readonly (readonly Word[])[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const pairs = value.map((pair) =>
    Array.isArray(pair) ? pair.map((word) => (typeof word === "string" ? parseWord(word) : undefined)) : [],
  );
  const isPair = (pair: (Word | undefined)[]): pair is Word[] =>
    pair.length === 2 && !pair.includes(undefined);
  return pairs.every(isPair) ? pairs : undefined;
}

function encodeOutcome(o: Outcome): Json {
  if ("ret" in o) return { ret: wordHex(o.ret) };
  if ("errno" in o) return { errno: o.errno };
  return "gone" in o ? { gone: o.gone } : { signal: o.signal, code: o.code, at: wordHex(o.addr) };
}

/** How most calls end; the events of a log share it. */
const RETURNED_ZERO: Outcome = { ret: 0 };

function decodeOutcome(json: Json): Outcome | undefined {
  const { ret, errno, gone, signal, code, at } = json;
  if (typeof errno === "string") return { errno };
  if (typeof gone === "string") return { gone };
  const addr = typeof at === "string" ? parseWord(at) : undefined;
  if (typeof signal === "string" && typeof code === "string" && addr !== undefined)
    return { signal, code, addr };
  if (ret === "0x0") return RETURNED_ZERO;
  const word = typeof ret === "string" ? parseWord(ret) : undefined;
  return word === undefined ? undefined : { ret: word };
}

/** The event as plain JSON, `seq` first: one line of a log. */
export function encodeEvent(event: Event): { readonly seq: number } & Json {
  const { seq, tid, request, outcome, divergence, ran, wrote, as, line, time, stack, assumed } = event;
  const members: Record<string, unknown> = {};
  const shape: Readonly<Record<string, Form>> = SHAPES[request.call];
  for (const [name, form] of Object.entries(shape)) {
    const value = (request as unknown as Json)[name];
    if (value !== undefined) members[name] = encodeMember(form, value);
  }
  return {
    seq,
    tid,
    call: request.call,
    ...members,
    ...encodeOutcome(outcome),
    ...(divergence === undefined ? {} : { model: encodeOutcome(divergence) }),
    ...(ran === undefined ? {} : { ran }),
    ...(wrote === undefined ? {} : { wrote: hex(wrote) }),
    ...(as === undefined ? {} : { as }),
    ...(line === undefined ? {} : { line }),
    ...(time === undefined ? {} : { time }),
    ...(stack === undefined || stack.length === 0 ? {} : { stack }),
    ...(assumed === undefined || assumed.length === 0 ? {} : { assumed }),
  };
}

const isObject = (v: unknown): v is Json => typeof v === "object" && v !== null;

/** Reads an event back; refuses, in words, what is none. */
export function decodeEvent(json: Json): Result<Event, string> {
  const { seq, tid, call, model, ran, wrote, as, line, time, stack, assumed } = json;
  if (!Number.isSafeInteger(seq)) return fail("no seq");
  if (!Number.isSafeInteger(tid)) return fail("no tid");
  const shape = typeof call === "string" ? MEMBERS.get(call) : undefined;
  if (!shape) return fail(`unknown call ${JSON.stringify(call)}`);
  const request = decodeRequest(call as Call, shape, json);
  if (!request.ok) return request;
  const outcome = decodeOutcome(json);
  if (!outcome) return fail("no outcome: ret, errno, gone or signal");
  const event: { -readonly [K in keyof Event]: Event[K] } = {
    seq: seq as number,
    tid: tid as Pid,
    request: request.value,
    outcome,
  };
  const divergence = isObject(model) ? decodeOutcome(model) : undefined;
  if (divergence) event.divergence = divergence;
  if (ran === true || ran === "loading") event.ran = ran;
  if (typeof wrote === "string") event.wrote = Number(wrote);
  if (typeof as === "string") event.as = as;
  if (typeof line === "number") event.line = line;
  if (typeof time === "number") event.time = time;
  if (Array.isArray(stack)) event.stack = stack.filter((frame) => typeof frame === "string");
  if (Array.isArray(assumed)) event.assumed = assumed.filter((a) => typeof a === "string");
  return ok(event);
}

function decodeRequest(call: Call, shape: readonly Member[], json: Json): Result<Request, string> {
  const request: Record<string, unknown> = { call };
  for (const { name, form, optional } of shape) {
    const given = json[name];
    if (given === undefined && optional) continue;
    const value = decodeMember(form, given);
    if (value === undefined) return fail(`${call}: ${name} is ${JSON.stringify(given)}, not a ${form}`);
    request[name] = value;
  }
  return ok(request as unknown as Request);
}
