import type { MmId } from "../base/index.ts";
import { askAnew, type Event, type KernelState, type Outcome, type Request } from "../kernel/index.ts";

/** What became of an event that was asked for again in another state. */
export type AskedAgain =
  | { readonly kind: "asked"; readonly was: Event; readonly event: Event; readonly state: KernelState }
  /** Its task is not there, or what it names. */
  | { readonly kind: "left out"; readonly was: Event };

/**
 * Goes on from a state with what was asked for in another: each request is executed anew, with the model's outcome. A
 * program uses the addresses that it is given, so requests about memory that lies elsewhere now are about that place.
 */
export function* goOn(from: KernelState, events: Iterable<Event>): Generator<AskedAgain> {
  let state = from;
  const places = new Places();
  for (const was of events) {
    const mm = state.tasks.get(was.tid)?.mm ?? 0;
    const done = askAnew(state, { ...was, request: places.translated(mm as MmId, was.request) });
    if (!done) {
      yield { kind: "left out", was };
      continue;
    }
    places.note(mm as MmId, was, done.event.outcome);
    if (was.request.call === "clone") places.inherit(mm as MmId, done.state.tasks.get(was.request.child)?.mm);
    state = done.state;
    yield { kind: "asked", was, event: done.event, state };
  }
}

/** Bytes [start, end) of the recording, and how much further on they lie now. */
interface Moved {
  readonly start: number;
  readonly end: number;
  readonly shift: number;
}

/** Where what the kernel had placed in the recording lies now, for each address space. */
class Places {
  readonly #moved = new Map<MmId, readonly Moved[]>();

  translated(mm: MmId, request: Request): Request {
    const moved = this.#moved.get(mm);
    if (!moved) return request;
    const there = <T>(address: T): T | number => {
      const at = Number(address);
      const found = moved.find(({ start, end }) => at >= start && at < end);
      return found ? at + found.shift : address;
    };
    const addr = "addr" in request ? { addr: there(request.addr) } : {};
    const newAddr = request.call === "mremap" ? { newAddr: there(request.newAddr) } : {};
    return { ...request, ...addr, ...newAddr } as Request;
  }

  note(mm: MmId, { request, outcome }: Event, now: Outcome): void {
    const length = placedBytes(request);
    if (length === undefined || !("ret" in outcome) || !("ret" in now)) return;
    const [start, shift] = [Number(outcome.ret), Number(now.ret) - Number(outcome.ret)];
    const end = start + length;
    const others = (this.#moved.get(mm) ?? []).flatMap((one) => outside(one, start, end));
    if (others.length > 0 || shift !== 0)
      this.#moved.set(mm, shift === 0 ? others : [...others, { start, end, shift }]);
    else this.#moved.delete(mm);
  }

  inherit(parent: MmId, child: MmId | undefined): void {
    const moved = this.#moved.get(parent);
    if (moved && child !== undefined && child !== parent) this.#moved.set(child, moved);
  }
}

/** What of a range lies outside another. */
const outside = (one: Moved, start: number, end: number): readonly Moved[] =>
  [
    { ...one, end: Math.min(one.end, start) },
    { ...one, start: Math.max(one.start, end) },
  ].filter((part) => part.start < part.end);

/** The bytes for which a request is given an address; undefined for one that is given none. */
function placedBytes(request: Request): number | undefined {
  if (request.call === "mmap") return Number(request.length);
  return request.call === "mremap" ? Number(request.newLength) : undefined;
}
