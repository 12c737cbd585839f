import { execute, initialState, type Profile, type Request, Transaction } from "@pagetrail/core";
import { FIRST, MACHINE } from "./machine.ts";
import { PAGE_MACHINE } from "./page-machine.ts";
import { type Asking, FILES, PREPARED } from "./requests.ts";
import type { Moment } from "./run.ts";

/** Does everything one event at a time, as the debugger does; the model's own answers are the outcomes. */
export function history(asked: readonly Asking[], machine: Profile): readonly Moment[] {
  const first = (request: Request): Asking => ({ tid: FIRST, request });
  const opening = [{ call: "adopt", comm: "t", tgid: FIRST } as const, ...PREPARED].map(first);
  const naming = ({ tid, request }: Asking): readonly Asking[] =>
    request.call === "mmap" && request.file > 0
      ? [...FILES.map((file) => ({ tid, request: file })), { tid, request }]
      : [{ tid, request }];
  const told: Moment[] = [];
  let state = initialState(machine);
  for (const { tid, request } of [...opening, ...asked.flatMap(naming)]) {
    const tx = new Transaction(state);
    const outcome = execute(tx, { tid, request, outcome: { ret: 0 } });
    const before = state;
    state = tx.commit(before.seq + 1);
    told.push({ event: { seq: state.seq, tid, request, outcome }, before, after: state, predicted: outcome });
  }
  return told;
}

/** A machine of which an strace tells, and one whose every access is told, with a little swap. */
export const MACHINES: readonly (readonly [string, Profile])[] = [
  ["address ranges", MACHINE],
  ["pages", { ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 64 } }],
];
