import {
  type Event,
  execute,
  initialState,
  type KernelState,
  type Profile,
  type Request,
  Transaction,
} from "../kernel/index.ts";
import { FIRST, MACHINE } from "./machine.ts";
import { PAGE_MACHINE } from "./page-machine.ts";
import { type Asking, FILES, PREPARED } from "./requests.ts";

/** One event of a run, with the states around it. */
export interface Told {
  readonly event: Event;
  readonly before: KernelState;
  readonly after: KernelState;
}

/** Does everything one event at a time, as the debugger does; the model's own answers are the outcomes. */
export function history(asked: readonly Asking[], machine: Profile): readonly Told[] {
  const first = (request: Request): Asking => ({ tid: FIRST, request });
  const opening = [{ call: "adopt", comm: "t", tgid: FIRST } as const, ...PREPARED].map(first);
  const naming = ({ tid, request }: Asking): readonly Asking[] =>
    request.call === "mmap" && request.file > 0
      ? [...FILES.map((file) => ({ tid, request: file })), { tid, request }]
      : [{ tid, request }];
  const told: Told[] = [];
  let state = initialState(machine);
  for (const { tid, request } of [...opening, ...asked.flatMap(naming)]) {
    const tx = new Transaction(state);
    const outcome = execute(tx, { tid, request, outcome: { ret: 0 } });
    const before = state;
    state = tx.commit(before.seq + 1);
    told.push({ event: { seq: state.seq, tid, request, outcome }, before, after: state });
  }
  return told;
}

/** A machine of which an strace tells, and one whose every access is told, with a little swap. */
export const MACHINES: readonly (readonly [string, Profile])[] = [
  ["address ranges", MACHINE],
  ["pages", { ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 64 } }],
];
