import {
  type AccessKind,
  explainEvent,
  MAP,
  type MmPages,
  type Outcome,
  type Pid,
  type Profile,
  violations,
} from "@pagetrail/core";
import { FIRST, MACHINE, Machine } from "./machine.ts";

/** The reference machine, a small one, with every access told. */
export const PAGE_MACHINE: Profile = {
  ...MACHINE,
  pages: { ...MACHINE.pages, known: true, frames: 2 ** 16 },
};

const PAGE = 4096;

/** A machine whose pages are modelled. Places are given as pages; the laws are checked after every request. */
export class PageMachine extends Machine {
  constructor(profile: Profile = PAGE_MACHINE) {
    super(profile);
  }

  override ask(request: Parameters<Machine["ask"]>[0], tid: Pid = FIRST): Outcome {
    const outcome = super.ask(request, tid);
    for (const v of violations(this.state)) throw new Error(`${v.law}, ${v.where}: ${v.what}`);
    return outcome;
  }

  /** Maps pages at a place; private anonymous, readable and writable, unless told otherwise. */
  map(
    page: number,
    count: number,
    more: { prot?: number; flags?: number; file?: number; offset?: number } = {},
    tid: Pid = FIRST,
  ): Outcome {
    const anonymous = more.file === undefined ? MAP.ANONYMOUS : 0;
    return this.ask(
      {
        call: "mmap",
        addr: page * PAGE,
        length: count * PAGE,
        prot: more.prot ?? 3,
        flags: (more.flags ?? MAP.PRIVATE) | MAP.FIXED | anonymous,
        offset: (more.offset ?? 0) * PAGE,
        file: more.file ?? 0,
      },
      tid,
    );
  }

  /** Touches a byte of a page, and tells how that ended: "ok", or signal and code. */
  touch(kind: AccessKind, page: number, tid: Pid = FIRST): string {
    const outcome = this.ask({ call: "access", addr: page * PAGE, kind }, tid);
    return "signal" in outcome ? `${outcome.signal} ${outcome.code}` : "ok";
  }

  /** The way that a touch takes, as `why` tells it, a line for each step; nothing is touched by that. */
  why(kind: AccessKind, page: number, tid: Pid = FIRST): readonly string[] {
    const request = { call: "access", addr: page * PAGE, kind } as const;
    const event = { seq: this.state.seq + 1, tid, request, outcome: { ret: 0 } };
    return explainEvent(this.state, event).path.map(({ kind: of, text }) => `${of}: ${text}`);
  }

  /** Forks a child of this pid. */
  fork(child: Pid, parent: Pid = FIRST): Outcome {
    return this.ask({ call: "clone", flags: 17, child }, parent);
  }

  /** The pages of a process: its page tables and what they count. */
  pages(tid: Pid = FIRST): MmPages {
    const { pages } = this.mm(tid);
    if (!pages) throw new Error("pages are not modelled");
    return pages;
  }

  /** Resident pages by kind, page tables, and faults so far. */
  counts(tid: Pid = FIRST): { anon: number; file: number; shmem: number; tables: number; faults: number } {
    const { rssAnon: anon, rssFile: file, rssShmem: shmem, table } = this.pages(tid);
    return { anon, file, shmem, tables: table.counted, faults: this.state.tasks.get(tid)?.minFlt ?? 0 };
  }
}
