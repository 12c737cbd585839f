import {
  advanceState,
  type Counter,
  type Event,
  INIT_MM,
  idlePid,
  initialState,
  isLive,
  type KernelState,
  type MmId,
  type MmStruct,
  NO_MM,
  type Outcome,
  type Pid,
  type Profile,
  type Request,
  sameOutcome,
  type Task,
} from "@pagetrail/core";
import type { ImportSink } from "../sink.ts";
import { NULL, type Pointer } from "./capture.ts";

/** Where in the capture an event comes from, and what of it was only concluded. */
export interface Origin {
  readonly line?: number;
  readonly time?: number;
  readonly assumed?: readonly string[];
}

/** Pointers into the kernel's own image: init_mm is there. */
const isKernelImage = (mm: Pointer): boolean => /^ffffffff[89a-f]/.test(mm);

/** The model behind an import of a capture, and which descriptor of the kernel's is which of the model's. */
export class Stage {
  #state: KernelState;
  #events = 0;
  readonly #ids = new Map<Pointer, MmId>();
  readonly #pointers = new Map<MmId, Pointer>();

  constructor(
    profile: Profile,
    private readonly sink: ImportSink,
  ) {
    this.#state = initialState(profile);
    this.#pointers.set(INIT_MM, "init_mm");
  }

  get state(): KernelState {
    return this.#state;
  }

  get events(): number {
    return this.#events;
  }

  /** Executes a request; answers why the model refuses it, if it does. */
  emit(tid: number, request: Request, origin: Origin = {}): string | undefined {
    const outcome = outcomeOf(request);
    const event: Event = { seq: this.#state.seq + 1, tid: tid as Pid, request, outcome, ...origin };
    const { state, predicted } = advanceState(this.#state, event);
    const same = sameOutcome(predicted, outcome);
    this.#state = state;
    this.#events += 1;
    this.sink.event(same ? event : { ...event, divergence: predicted }, state);
    return same || !("errno" in predicted) ? undefined : (predicted.why ?? predicted.errno);
  }

  task(pid: number, cpu: number): Task | undefined {
    return this.#state.tasks.get(pid === 0 ? idlePid(cpu) : (pid as Pid));
  }

  /** The task that the model has on a CPU. */
  current(cpu: number): Task {
    const pid = this.#state.cpus.get(cpu)?.current;
    const task = pid === undefined ? undefined : this.#state.tasks.get(pid);
    if (!task) throw new Error(`CPU ${cpu} runs no task`);
    return task;
  }

  mm(id: MmId): MmStruct | undefined {
    return this.#state.mms.get(id);
  }

  /** The model's address space behind a pointer; undefined for one that it does not know, or that it freed. */
  idOf(pointer: Pointer): MmId | undefined {
    if (pointer === NULL) return NO_MM;
    if (isKernelImage(pointer)) return INIT_MM;
    const id = this.#ids.get(pointer);
    return id !== undefined && this.#state.mms.has(id) ? id : undefined;
  }

  /** The pointer of an address space, where the capture has named it. */
  pointerOf(id: MmId): Pointer | undefined {
    return id === NO_MM ? NULL : this.#pointers.get(id);
  }

  /** A pointer names this address space from now on. */
  bind(pointer: Pointer, id: MmId): void {
    this.#ids.set(pointer, id);
    this.#pointers.set(id, pointer);
  }

  /** A user task with this address space; one that does not run, if there is such. */
  userOf(id: MmId): Task | undefined {
    const users = [...this.#state.tasks.values()].filter(
      (task) => task.mm === id && task.kind === undefined && isLive(task),
    );
    return users.find(({ onCpu, state }) => onCpu === undefined && state !== "vforked") ?? users[0];
  }

  /** The child for which a parent in vfork waits. */
  vforkChildOf(parent: Pid): Task | undefined {
    return [...this.#state.tasks.values()].find(({ vforkParent }) => vforkParent === parent);
  }

  /** Names that hold an address space and begin with `prefix`. */
  holders(id: MmId, counter: Counter, prefix: string): readonly string[] {
    const found: string[] = [];
    for (const ref of this.#state.refs.values())
      if (ref.mm === id && ref.counter === counter && ref.holder.kind === "named")
        if (ref.holder.name.startsWith(prefix)) found.push(ref.holder.name);
    return found;
  }
}

function outcomeOf(request: Request): Outcome {
  if (request.call === "clone" || request.call === "kthread") return { ret: request.child };
  return request.call === "exit" ? { gone: "exit" } : { ret: 0 };
}
