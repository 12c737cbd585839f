import {
  CLONE,
  type Event,
  fail,
  hex,
  MADV,
  MAP,
  MCL,
  MLOCK_ONFAULT,
  MREMAP,
  MS,
  type OpenFile,
  type Outcome,
  ok,
  PERSONALITY,
  PROT_RWX,
  type Profile,
  pagesOf,
  type Request,
  type Result,
  SHM,
  UNLIMITED,
  type Word,
  wordHex,
} from "@pagetrail/core";
import { execOf } from "./built-in-program.ts";
import { machineLines } from "./machine-text.ts";
import { MAP_WORDS } from "./memory-verbs.ts";
import { PRCTL } from "./process-verbs.ts";
import { sizeText } from "./scene.ts";

/** Ends the writing. Thrown only inside the writer, which gives the reason as a value. */
class Inexpressible extends Error {
  override readonly name = "Inexpressible";
}

const cannot = (what: string): never => {
  throw new Inexpressible(what);
};

/**
 * Writes events as a scenario that makes the same requests with the same outcomes: addresses and pids as they are.
 * Refuses, in words, what the language has no line for.
 */
export function writeScenario(profile: Profile, events: readonly Event[]): Result<string, string> {
  try {
    const writer = new ScenarioWriter(profile);
    return ok(
      [
        ...machineLines(profile),
        "",
        ...events.flatMap((event, i) => writer.lines(event, events[i + 1])),
        "",
      ].join("\n"),
    );
  } catch (error) {
    if (error instanceof Inexpressible) return fail(error.message);
    throw error;
  }
}

/** Calls that change nothing a scenario could show. */
const SILENT: ReadonlySet<Request["call"]> = new Set([
  "given",
  "loaded",
  "layout",
  "unlink",
  "rename",
  "autoreap",
]);

class ScenarioWriter {
  readonly #names = new Map<number, string>();
  readonly #files = new Map<number, OpenFile>();
  readonly #declared = new Set<string>();
  readonly #segments = new Map<number, string>();
  #addresses = 0;

  constructor(private readonly profile: Profile) {}

  lines(event: Event, next: Event | undefined): readonly string[] {
    const { request, outcome, tid } = event;
    if (SILENT.has(request.call)) return [];
    if (request.call === "file") return this.#file(request.file, next?.request);
    if (request.call === "cached") {
      const { size = 0 } = this.#files.get(request.file) ?? {};
      return isWhole(request, size) ? [] : cannot("a part of a file in the page cache");
    }
    const line = this.#line(event, this.#names.get(tid));
    return [`${line}${this.#end(request, outcome)}`];
  }

  #line({ request: r, tid }: Event, name: string | undefined): string {
    if (r.call === "adopt") return this.#adopt(tid, r.tgid);
    const scheduled = this.#scheduled(r);
    if (scheduled !== undefined) return scheduled;
    const who = name ?? cannot(`process ${tid} has no line that makes it`);
    if (r.call === "kill" || r.call === "coredump") return `${r.call} ${who} ${r.signal}`;
    return `${who}: ${this.#verb(r, tid)}`;
  }

  /** A line about CPUs, kernel threads or references; undefined for a task's own request. */
  #scheduled(r: Request): string | undefined {
    switch (r.call) {
      case "kthread":
        return `kthread ${this.#hire(r.child)} pid ${r.child}`;
      case "switch": {
        if (r.unfinished) return cannot("a switch that ends later than it began");
        return `switch cpu${r.cpu} ${r.next === 0 ? "idle" : this.#name(r.next)} leaving ${r.state}`;
      }
      case "migrate":
        return `migrate ${this.#name(r.target)} cpu${r.cpu}`;
      case "cpu_online":
      case "cpu_offline":
        return `${r.call.slice(4)} cpu${r.cpu}`;
      case "wake":
      case "oom_kill":
      case "oom_reap":
        return `${r.call} ${this.#name(r.target)}`;
      case "kthread_stop":
      case "kthread_park":
      case "kthread_unpark":
        return `${r.call.slice(8)} ${this.#name(r.target)}`;
      case "hold":
        return `hold ${this.#name(r.target)} ${r.counter} "${r.holder}"`;
      case "release":
        return `release "${r.holder}"`;
      default:
        return undefined;
    }
  }

  #name(pid: number): string {
    return this.#names.get(pid) ?? cannot(`task ${pid}, which no line makes`);
  }

  #adopt(tid: number, tgid: number): string {
    const leader = tgid === tid ? undefined : this.#names.get(tgid);
    const name = this.#hire(tid);
    return leader === undefined ? `process ${name} pid ${tid}` : `${leader}: thread ${name} pid ${tid}`;
  }

  /** A, B … Z, P26 and so on. */
  #hire(pid: number): string {
    const n = this.#names.size;
    const name = n < 26 ? String.fromCharCode(65 + n) : `P${n}`;
    this.#names.set(pid, name);
    return name;
  }

  /** What is in the page cache, a line says of the whole file. */
  #file(file: OpenFile, next: Request | undefined): readonly string[] {
    this.#files.set(file.id, file);
    if (this.#declared.has(pathOf(file)))
      return [`truncate ${pathOf(file)} ${bytes(file.size ?? FILE_SIZE)}`];
    if (file.kind !== "disk" && file.kind !== "plain" && file.kind !== "shmem") return [];
    this.#declared.add(pathOf(file));
    const size = file.size ?? FILE_SIZE;
    const follows = next?.call === "cached" && next.file === file.id && isWhole(next, size);
    const cached = follows || this.profile.pages.fileCache === "warm" ? " cached" : "";
    return [`file ${pathOf(file)} ${bytes(size)}${file.kind === "shmem" ? " tmpfs" : ""}${cached}`];
  }

  #verb(r: Request, tid: number): string {
    switch (r.call) {
      case "mmap":
        return this.#mmap(r);
      case "munmap":
      case "munlock":
      case "mincore":
        return `${r.call} ${place(r.addr)} ${bytes(r.length)}`;
      case "mprotect":
        return `mprotect ${place(r.addr)} ${bytes(r.length)} ${rights(r.prot)}`;
      case "mremap":
        return this.#mremap(r);
      case "brk":
        return `brk ${place(r.addr)}`;
      case "madvise":
        return `madvise ${place(r.addr)} ${bytes(r.length)} ${adviceOf(r.advice)}`;
      case "mlock":
        return `mlock ${place(r.addr)} ${bytes(r.length)}${words(r.flags, { onfault: MLOCK_ONFAULT })}`;
      case "mlockall":
        return `mlockall${words(r.flags, { current: MCL.CURRENT, future: MCL.FUTURE, onfault: MCL.ONFAULT })}`;
      case "munlockall":
        return "munlockall";
      case "mseal":
        return `mseal ${place(r.addr)} ${bytes(r.length)}${words(Number(r.flags), {})}`;
      case "msync": {
        const flags = words(r.flags, { sync: MS.SYNC, async: MS.ASYNC, invalidate: MS.INVALIDATE });
        return `msync ${place(r.addr)} ${bytes(r.length)}${flags}`;
      }
      case "access":
        return accessText(r);
      case "shmget": {
        const name = `s${this.#segments.size + 1}`;
        this.#segments.set(r.shm, name);
        return `shmget ${name} ${bytes(r.size)}`;
      }
      case "shmat":
        return `shmat ${this.#segment(r.shm)} as ${this.#address()}${at(r.addr)}${words(r.flags, { readonly: SHM.RDONLY })}`;
      case "shmdt":
        return `shmdt ${place(r.addr)}`;
      case "shmrm":
        return `shmrm ${this.#segment(r.shm)}`;
      default:
        return this.#process(r, tid);
    }
  }

  #process(r: Request, tid: number): string {
    switch (r.call) {
      case "clone": {
        if (r.child === 0) return cannot("a clone that made no task");
        return `${cloneVerb(r.flags)} ${this.#hire(r.child)} pid ${r.child}`;
      }
      case "execve": {
        const known = JSON.stringify(execOf(r.path, this.profile.layout));
        return JSON.stringify(r.load) === known
          ? `exec ${r.path}`
          : cannot(`an exec of a real program, ${r.path}`);
      }
      case "exit":
      case "exit_group":
        return `${r.call} ${r.code}`;
      case "reap":
        return `wait ${this.#name(r.child)}`;
      case "use_mm":
        return `use_mm ${this.#name(r.target)}`;
      case "unuse_mm":
        return "unuse_mm";
      case "setrlimit": {
        if (r.target !== 0 && r.target !== tid) return cannot("a limit of another process");
        return `setrlimit ${r.resource} ${limit(r.soft)} hard ${limit(r.hard)}`;
      }
      case "prctl": {
        const option = Object.entries(PRCTL).find(([, number]) => number === r.option)?.[0];
        return option === undefined ? cannot(`prctl ${r.option}`) : `prctl ${option} ${Number(r.arg)}`;
      }
      case "personality":
        return `personality ${personalityText(r.persona)}`;
      default:
        return cannot(r.call);
    }
  }

  #mmap(r: Request & { readonly call: "mmap" }): string {
    const fixed = r.flags & MAP.FIXED ? "fixed" : r.flags & MAP.FIXED_NOREPLACE ? "noreplace" : "";
    const isAnonymous = (r.flags & MAP.ANONYMOUS) !== 0;
    const placed = MAP.FIXED | MAP.FIXED_NOREPLACE | MAP.ANONYMOUS | MAP.DENYWRITE | MAP.EXECUTABLE;
    const more = words(r.flags & ~(MAP.TYPE | placed), MAP_WORDS);
    const file = isAnonymous ? "anon" : `file ${this.#path(r.file)}`;
    const offset = isAnonymous || r.offset === 0 ? "" : ` offset ${bytes(r.offset)}`;
    const where = fixed === "" ? at(r.addr) : ` ${fixed} at ${place(r.addr)}`;
    const name = this.#address();
    return `mmap ${name} ${bytes(r.length)} ${rights(r.prot)} ${sharing(r.flags)} ${file}${more}${offset}${where}`;
  }

  #mremap(r: Request & { readonly call: "mremap" }): string {
    const fixed = (r.flags & MREMAP.FIXED) === 0 ? "" : ` fixed at ${place(r.newAddr)}`;
    const flags = words(r.flags & ~MREMAP.FIXED, { maymove: MREMAP.MAYMOVE, dontunmap: MREMAP.DONTUNMAP });
    return `mremap ${place(r.addr)} ${bytes(r.oldLength)} to ${bytes(r.newLength)}${flags}${fixed} as ${this.#address()}`;
  }

  #path(id: number): string {
    const file = this.#files.get(id);
    if (!file || !this.#declared.has(pathOf(file))) return cannot("a mapping of what is no ordinary file");
    return pathOf(file);
  }

  #segment(shm: number): string {
    return this.#segments.get(shm) ?? cannot("a segment from before");
  }

  #address(): string {
    this.#addresses += 1;
    return `p${this.#addresses}`;
  }

  /** Places that were chosen, refusals and signals are said again; other successes go without saying. */
  #end({ call }: Request, outcome: Outcome): string {
    if ("errno" in outcome) return ` -> ${outcome.errno}`;
    if ("signal" in outcome) return ` -> ${outcome.signal} ${outcome.code.replace(/^(?:SEGV|BUS)_/, "")}`;
    const located = call === "mmap" || call === "mremap" || call === "shmat" || call === "brk";
    return located && "ret" in outcome ? ` -> ${wordHex(outcome.ret)}` : "";
  }
}

const isWhole = ({ start, end }: Request & { readonly call: "cached" }, size: number): boolean =>
  start === 0 && end === pagesOf(size);

/** Where nobody knows how long a file is: long enough for what maps it. */
const FILE_SIZE = 2 ** 30;

const place = (word: Word): string => (word === 0 ? "0" : wordHex(word));
const at = (word: Word): string => (word === 0 ? "" : ` at ${place(word)}`);
const bytes = (word: Word): string =>
  typeof word === "number" && word % 1024 === 0
    ? sizeText(word)
    : typeof word === "number"
      ? String(word)
      : wordHex(word);
const limit = (n: number): string => (n === UNLIMITED ? "unlimited" : bytes(n));

/** A path as one word. */
const pathOf = ({ path }: OpenFile): string => `/${path.replace(/^\//, "").replaceAll(/[\s"#]/g, "_")}`;

function rights(prot: number): string {
  if ((prot & ~PROT_RWX) !== 0) return cannot(`access rights ${hex(prot)}`);
  const letters = ["r", "w", "x"].filter((_, i) => (prot & (1 << i)) !== 0).join("");
  return letters || "none";
}

function sharing(flags: number): string {
  const type = flags & MAP.TYPE;
  if (type === MAP.PRIVATE) return "private";
  if (type === MAP.SHARED || type === MAP.SHARED_VALIDATE) return "shared";
  return type === MAP.DROPPABLE ? "droppable" : cannot(`a mapping of type ${type}`);
}

/** Words for all bits of some flags. */
function words(flags: number, known: Readonly<Record<string, number>>): string {
  let rest = flags;
  const found: string[] = [];
  for (const [word, bit] of Object.entries(known)) {
    if ((rest & bit) !== bit) continue;
    found.push(` ${word}`);
    rest &= ~bit;
  }
  return rest === 0 ? found.join("") : cannot(`flags ${hex(rest >>> 0)}`);
}

function adviceOf(advice: number): string {
  const name = Object.entries(MADV).find(([, number]) => number === advice)?.[0];
  return name ?? cannot(`advice ${advice}`);
}

function accessText({ addr, kind, length, value }: Request & { readonly call: "access" }): string {
  const end = length === undefined || length === 1 ? "" : `..${place(addr)}+${length}`;
  const verb = kind === "exec" ? "run" : (kind ?? "read");
  return `${verb} ${place(addr)}${end}${value === undefined ? "" : ` 0x${value}`}`;
}

function cloneVerb(flags: number): string {
  if ((flags & CLONE.THREAD) !== 0) return "thread";
  if ((flags & CLONE.VFORK) !== 0) return "vfork";
  return (flags & CLONE.VM) === 0 ? "fork" : cannot("a process that shares its address space for good");
}

function personalityText(persona: number): string {
  const found = Object.entries(PERSONALITY).filter(([, bit]) => (persona & bit) === bit);
  const all = found.reduce((sum, [, bit]) => sum | bit, 0);
  return all === persona && persona !== 0 ? found.map(([name]) => name).join(" ") : String(persona);
}
