import {
  addressOf,
  CLONE_OF,
  isLive,
  MADV,
  MAP,
  MREMAP,
  type Outcome,
  PAGE_SIZE,
  type Pid,
  PROT,
  pid,
  type Request,
  type Task,
  VM,
  type Vma,
} from "@pagetrail/core";
import fc from "fast-check";
import { protText } from "./event-text.ts";
import { FIRST, type Machine } from "./machine.ts";
import type { Asking } from "./requests.ts";

/** What stands beside the machine in a property and hears what it was asked: a program's own bookkeeping, a log. */
export interface Beside {
  /** Told behind every request of a command of this kit. */
  asked?(request: Request, tid: Pid, outcome: Outcome): void;
}

/** A command on a machine. */
export type MachineCommand<B extends Beside = Beside> = fc.Command<Machine, B>;

/** What a command would ask a machine for as it is now; undefined where it has no meaning. */
export type Aim = (machine: Readonly<Machine>) => Asking | undefined;

/**
 * A command that says what it means, not where: "unmap the first page of the second mapping of the first process". It
 * looks at the machine when its turn comes, and stays out where nothing of that sort is there. So a sequence stays one
 * that a program could have asked for, whichever of its commands are left out when it is shrunk.
 */
export class RequestCommand implements MachineCommand {
  readonly #text: string;
  readonly #aim: Aim;

  /**
   * @param text as the command is printed
   * @param aim finds what to ask for; it is asked twice, and changes nothing
   */
  constructor(text: string, aim: Aim) {
    this.#text = text;
    this.#aim = aim;
  }

  /** Whether there is anything that the command could be about. */
  check(machine: Readonly<Machine>): boolean {
    return this.#aim(machine) !== undefined;
  }

  /** Asks the machine, and tells whoever stands beside it. */
  run(machine: Machine, beside: Beside): void {
    const asking = this.#aim(machine);
    if (!asking) return;
    const outcome = machine.ask(asking.request, asking.tid);
    beside.asked?.(asking.request, asking.tid, outcome);
  }

  /** The command in words. */
  toString(): string {
    return this.#text;
  }
}

/** What sequences of commands may do. */
export interface CommandsOptions {
  /** The longest sequence; 30 unless told otherwise. */
  readonly maxCommands?: number;
  /** Processes that live at a time; 3 unless told otherwise, 1 for no forks. */
  readonly maxProcesses?: number;
  /** Pages of a new mapping; 8 unless told otherwise. */
  readonly maxPages?: number;
}

/** Sequences of requests that a program could ask for, of processes that come and go. */
export const requestCommands = (options: CommandsOptions = {}): fc.Arbitrary<Iterable<MachineCommand>> =>
  fc.commands([...requestCommandArbitraries(options)], {
    maxCommands: options.maxCommands ?? 30,
    size: "max",
  });

/** The kinds of commands by themselves, to mix them with those of a program in `fc.commands`. */
export function requestCommandArbitraries({
  maxProcesses = 3,
  maxPages = 8,
}: CommandsOptions = {}): readonly fc.Arbitrary<MachineCommand>[] {
  const memory = [
    maps(maxPages),
    ofPart("unmap", (addr, length) => ({ call: "munmap", addr, length })),
    protects,
    resizes(maxPages),
    advises,
    touches,
  ];
  return maxProcesses > 1 ? [...memory, forks(maxProcesses), exits, reaps] : memory;
}

const live = ({ state }: Readonly<Machine>): readonly Task[] =>
  [...state.tasks.values()].filter((task) => isLive(task) && state.mms.get(task.mm) !== undefined);

const nth = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];

const who = fc.nat(3);
const RW = PROT.READ | PROT.WRITE;
const prot = fc.constantFrom(RW, PROT.READ, 0, PROT.READ | PROT.EXEC);

const maps = (maxPages: number): fc.Arbitrary<MachineCommand> =>
  fc.record({ by: who, pages: fc.integer({ min: 1, max: maxPages }), prot, shared: fc.boolean() }).map(
    ({ by, pages, prot, shared }) =>
      new RequestCommand(
        `process ${by} maps ${pages} ${shared ? "shared" : "private"} ${protText(prot)}`,
        (m) =>
          asks(nth(live(m), by), {
            call: "mmap",
            addr: 0,
            length: pages * PAGE_SIZE,
            prot,
            flags: (shared ? MAP.SHARED : MAP.PRIVATE) | MAP.ANONYMOUS,
            offset: 0,
            file: 0,
          }),
      ),
  );

const asks = (task: Task | undefined, request: Request | undefined): Asking | undefined =>
  task && request && { tid: task.pid, request };

/** A part of a mapping: which mapping, pages from its start, and how many. */
interface Part {
  readonly by: number;
  readonly mapping: number;
  readonly from: number;
  readonly pages: number;
}

const part: fc.Arbitrary<Part> = fc.record({
  by: who,
  mapping: fc.nat(7),
  from: fc.nat(7),
  pages: fc.integer({ min: 1, max: 8 }),
});

const partText = ({ by, mapping, from, pages }: Part): string =>
  `process ${by}, mapping ${mapping}, ${pages} from page ${from}`;

/** The mapping that a part belongs to, with the caller. */
function mappingOf(
  machine: Readonly<Machine>,
  { by, mapping }: Part,
): { readonly task: Task; readonly vma: Vma } | undefined {
  const task = nth(live(machine), by);
  const vma = task && nth(machine.mm(task.pid).vmas.toArray(), mapping);
  return vma && { task, vma };
}

type PartRequest = (addr: number, length: number, vma: Vma) => Request | undefined;

/** A command about a part of a mapping, which ends where its mapping ends. */
function partCommand(verb: string, part: Part, request: PartRequest): MachineCommand {
  return new RequestCommand(`${verb}: ${partText(part)}`, (machine) => {
    const found = mappingOf(machine, part);
    if (!found) return undefined;
    const { task, vma } = found;
    const from = part.from % vma.pages;
    const pages = Math.min(part.pages, vma.pages - from);
    return asks(task, request(addressOf(vma.start + from), pages * PAGE_SIZE, vma));
  });
}

const ofPart = (verb: string, request: PartRequest): fc.Arbitrary<MachineCommand> =>
  part.map((part) => partCommand(verb, part, request));

const protects = fc.tuple(part, prot).map(([part, prot]) =>
  partCommand(`protect ${protText(prot)}`, part, (addr, length) => ({
    call: "mprotect",
    addr,
    length,
    prot,
  })),
);

const resizes = (maxPages: number): fc.Arbitrary<MachineCommand> =>
  fc.tuple(part, fc.integer({ min: 1, max: maxPages })).map(
    ([part, pages]) =>
      new RequestCommand(`resize to ${pages}: process ${part.by}, mapping ${part.mapping}`, (machine) => {
        const found = mappingOf(machine, part);
        return found && asks(found.task, resized(found.vma, pages));
      }),
  );

/** A mapping made longer or shorter, wherever; what is shared is only made shorter, as its object does not grow. */
function resized({ start, pages, flags }: Vma, wanted: number): Request {
  const newPages = (flags & VM.SHARED) === 0 ? wanted : Math.min(wanted, pages);
  return {
    call: "mremap",
    addr: addressOf(start),
    oldLength: pages * PAGE_SIZE,
    newLength: newPages * PAGE_SIZE,
    flags: MREMAP.MAYMOVE,
    newAddr: 0,
  };
}

const ADVICE = [
  ["forget", MADV.DONTNEED],
  ["keep from children", MADV.DONTFORK],
  ["give to children", MADV.DOFORK],
] as const;

const advises = fc
  .tuple(part, fc.constantFrom(...ADVICE))
  .map(([part, [verb, advice]]) =>
    partCommand(verb, part, (addr, length) => ({ call: "madvise", addr, length, advice })),
  );

const touches = fc
  .tuple(part, fc.constantFrom("read", "write"))
  .map(([part, kind]) =>
    partCommand(kind, part, (addr, _, { flags }) =>
      (flags & (kind === "write" ? VM.WRITE : VM.READ)) === 0 ? undefined : { call: "access", addr, kind },
    ),
  );

const forks = (maxProcesses: number): fc.Arbitrary<MachineCommand> =>
  who.map(
    (by) =>
      new RequestCommand(`process ${by} forks`, (machine) => {
        const lives = live(machine);
        const child = pid(Math.max(...machine.state.tasks.keys()) + 1);
        return lives.length < maxProcesses
          ? asks(nth(lives, by), { call: "clone", flags: CLONE_OF.fork, child })
          : undefined;
      }),
  );

const exits = who.map(
  (by) =>
    new RequestCommand(`child ${by} exits`, (machine) =>
      asks(
        nth(
          live(machine).filter(({ pid }) => pid !== FIRST),
          by,
        ),
        { call: "exit_group", code: 0 },
      ),
    ),
);

const reaps = who.map(
  (by) =>
    new RequestCommand(`process ${by} waits`, (machine) => {
      const parent = nth(live(machine), by);
      const child = [...machine.state.tasks.values()].find(
        (task) => task.parent === parent?.pid && task.state === "zombie",
      );
      return child && asks(parent, { call: "reap", child: child.pid });
    }),
);
