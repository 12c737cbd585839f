import {
  callOf,
  type Event,
  hex,
  isScheduled,
  type OpenFile,
  PAGE_SIZE,
  type Request,
  type Scheduled,
  UNLIMITED,
  type Word,
  wordHex,
} from "@pagetrail/core";
import {
  adviceText,
  cloneFlagsText,
  mapFlagsText,
  mlockallFlagsText,
  mlockFlagsText,
  mremapFlagsText,
  msyncFlagsText,
  protText,
  shmFlagsText,
} from "./flags.ts";
import { outcomeText } from "./outcome.ts";
import type { Style } from "./style.ts";

const address = (word: Word): string => (word === 0 ? "NULL" : wordHex(word));
const size = (word: Word): string => (typeof word === "number" ? String(word) : wordHex(word));
const page = (n: number): string => hex(n * PAGE_SIZE);
const limit = (n: number): string => (n === UNLIMITED ? "unlimited" : String(n));

/** Writes events as strace would, one a line. Files are known by the events that introduced them. */
export class EventText {
  readonly #files = new Map<number, OpenFile>();
  readonly #style: Style;
  #learned = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  /** Takes note of what later events will name. Every event is to be passed once, in order. */
  learn({ request }: Event): void {
    if (request.call === "file") this.#files.set(request.file.id, request.file);
  }

  /** The same of all events up to one, as far as they have not been passed. */
  learnUpTo(events: readonly Event[], seq: number): void {
    for (let next = events[this.#learned]; next && next.seq <= seq; next = events[this.#learned]) {
      this.learn(next);
      this.#learned += 1;
    }
  }

  /** `   12  31  4242 mmap(NULL, 8192, rw-, private|anonymous) = 0x7f…  [model: …]` */
  line(event: Event): string {
    const { seq, line, tid } = event;
    const columns = `${String(seq).padStart(6)} ${String(line ?? "·").padStart(6)} ${String(tid).padStart(7)}`;
    return `${this.#style.dim(columns)} ${this.body(event)}`;
  }

  /** The call with its outcome, and the model's where that differs. */
  body(event: Event): string {
    const { request, outcome, divergence, assumed } = event;
    const call = `${callOf(event)}(${this.#members(request)}) = ${outcomeText(outcome)}`;
    const model = divergence ? `  ${this.#style.changed(`[model: ${outcomeText(divergence)}]`)}` : "";
    const guessed =
      assumed && assumed.length > 0 ? `  ${this.#style.dim(`[assumed: ${assumed.join(", ")}]`)}` : "";
    return call + model + guessed;
  }

  #file(id: number): string {
    if (id < 0) return "bad descriptor";
    return this.#files.get(id)?.path ?? `file ${id}`;
  }

  #members(r: Request): string {
    switch (r.call) {
      case "mmap": {
        const place = [address(r.addr), size(r.length), protText(r.prot), mapFlagsText(r.flags)];
        return (r.file === 0 ? place : [...place, this.#file(r.file), size0x(r.offset)]).join(", ");
      }
      case "munmap":
      case "mincore":
      case "munlock":
        return `${address(r.addr)}, ${size(r.length)}`;
      case "mprotect":
        return `${address(r.addr)}, ${size(r.length)}, ${protText(r.prot)}`;
      case "mremap": {
        const from = `${address(r.addr)}, ${size(r.oldLength)}, ${size(r.newLength)}, ${mremapFlagsText(r.flags)}`;
        return r.newAddr === 0 ? from : `${from}, ${address(r.newAddr)}`;
      }
      case "brk":
        return address(r.addr);
      case "madvise":
        return `${address(r.addr)}, ${size(r.length)}, ${adviceText(r.advice)}`;
      case "mlock":
        return `${address(r.addr)}, ${size(r.length)}${r.flags === 0 ? "" : `, ${mlockFlagsText(r.flags)}`}`;
      case "mlockall":
        return mlockallFlagsText(r.flags);
      case "msync":
        return `${address(r.addr)}, ${size(r.length)}, ${msyncFlagsText(r.flags)}`;
      case "mseal":
        return `${address(r.addr)}, ${size(r.length)}, ${size(r.flags)}`;
      case "shmat":
        return `${r.shm}, ${address(r.addr)}, ${shmFlagsText(r.flags)}`;
      case "shmdt":
        return address(r.addr);
      case "mbind":
        return `${address(r.addr)}, ${size(r.length)}, mode ${hex(r.mode)}, nodes ${wordHex(r.nodes)}`;
      case "io_setup":
        return `${r.events} events`;
      case "io_destroy":
        return address(r.ctx);
      default:
        return this.#others(r);
    }
  }

  #others(r: Request): string {
    switch (r.call) {
      case "personality":
        return hex(r.persona);
      case "setrlimit": {
        const whose = r.target === 0 ? "" : `process ${r.target}, `;
        return `${whose}${r.resource}, soft ${limit(r.soft)}, hard ${limit(r.hard)}`;
      }
      case "prctl":
        return `${r.option}, ${wordHex(r.arg)}`;
      case "clone":
        return `${cloneFlagsText(r.flags)}, child ${r.child}`;
      case "execve":
        return `"${r.path}"${r.load ? `, ${r.load.comm}` : ""}`;
      case "exit":
      case "exit_group":
        return String(r.code);
      case "adopt":
        return `${r.comm}${r.tgid === 0 ? "" : `, process ${r.tgid}`}`;
      case "reveal": {
        const file = r.file === 0 ? "" : `, ${this.#file(r.file)}, ${page(r.pgoff)}`;
        return `${page(r.start)}, ${page(r.end)}, ${protText(r.prot)}${file}`;
      }
      case "appears": {
        const what = r.file === 0 ? (r.label ?? "") : `${this.#file(r.file)}, ${page(r.pgoff)}`;
        return `${page(r.start)}, ${page(r.end)}, ${protText(r.flags & 7)}${what === "" ? "" : `, ${what}`}`;
      }
      case "disappears":
        return `${page(r.start)}, ${page(r.end)}`;
      case "file":
        return `${r.file.id}, ${r.file.path}, ${r.file.kind}`;
      case "kill":
        return [
          r.signal,
          ...(r.code === undefined ? [] : [r.code]),
          ...(r.addr === undefined ? [] : [wordHex(r.addr)]),
        ].join(", ");
      case "reap":
        return String(r.child);
      case "access": {
        const what = r.value === undefined ? (r.length === undefined ? "" : `, ${r.length}`) : `, ${r.value}`;
        return `${wordHex(r.addr)}${r.kind === undefined ? "" : `, ${r.kind}${what}`}`;
      }
      case "cached":
        return `${this.#file(r.file)}, ${page(r.start)}, ${page(r.end)}${r.dirty ? ", dirty" : ""}`;
      case "shmget":
        return `${r.key}, ${r.size}, segment ${r.shm}`;
      case "shmrm":
        return `segment ${r.shm}`;
      case "vmalloc":
        return `${size(r.bytes)}${r.caller === undefined ? "" : `, ${r.caller}`}`;
      case "vfree":
      case "vunmap":
        return address(r.addr);
      case "vmap": {
        const { pfns, guard, caller } = r;
        const frames = `frames ${pfns.join(" ")}${guard === 0 ? ", no guard" : ""}`;
        return caller === undefined ? frames : `${frames}, ${caller}`;
      }
      case "kmap_atomic":
        return `frame ${r.pfn}, cpu ${r.cpu}, ${r.type}`;
      case "kunmap_atomic":
        return `cpu ${r.cpu}, ${r.type}`;
      case "kmap":
      case "kunmap":
        return `frame ${r.pfn}`;
      case "kmap_local":
        return `frame ${r.pfn}, cpu ${r.cpu}`;
      case "kunmap_local":
        return `${address(r.addr)}, cpu ${r.cpu}`;
      case "unlink":
        return r.path;
      case "rename":
        return `${r.from}, ${r.to}`;
      case "loaded":
        return r.comm;
      case "autoreap":
        return String(r.on);
      default:
        return isScheduled(r) ? scheduledMembers(r) : "";
    }
  }
}

function scheduledMembers(r: Scheduled): string {
  switch (r.call) {
    case "switch":
      return `CPU ${r.cpu}, to ${r.next === 0 ? "idle" : r.next}, leaving ${r.state}${r.unfinished === 1 ? ", unfinished" : ""}`;
    case "finish_task_switch":
    case "cpu_online":
    case "cpu_offline":
      return `CPU ${r.cpu}`;
    case "migrate":
      return `${r.target}, CPU ${r.cpu}`;
    case "wake":
    case "kthread_stop":
    case "kthread_park":
    case "kthread_unpark":
    case "oom_kill":
    case "oom_reap":
    case "use_mm":
      return String(r.target);
    case "kthread":
      return `${r.child}, ${r.comm}`;
    case "hold":
      return `process ${r.target}, mm_${r.counter}, ${r.holder}`;
    case "release":
      return r.holder;
    case "unuse_mm":
      return "";
  }
}

const size0x = (word: Word): string => (word === 0 ? "0" : wordHex(word));
