import { hex, PAGE_SIZE } from "@pagetrail/core";
import { EventText } from "../text/event-text.ts";
import { kilobytes } from "../text/numbers.ts";
import { outcomeText } from "../text/outcome.ts";
import { PLAIN } from "../text/style.ts";
import type { Clock, Happening, Mapping, SpaceNow } from "./history.ts";

/**
 * A log as the JSON trace format that Perfetto and chrome://tracing read: mappings as nestable asynchronous slices
 * that begin and end, numbers of address spaces as counters, calls, faults and signals as instants.
 */
export class PerfettoTrace {
  readonly #clock: Clock;
  readonly #text = new EventText(PLAIN);
  readonly #open = new Map<number, Mapping>();
  readonly #named = new Map<number, string>();
  readonly #counted = new Map<string, number>();
  #first = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  *head(log: string): Iterable<string> {
    const unit = this.#clock.timed
      ? "microseconds since the first event"
      : "events: the recording has no times";
    yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify({ log, ts: unit })},"traceEvents":[`;
  }

  *begin({ changed, mapped }: Pick<Happening, "changed" | "mapped">): Iterable<string> {
    yield* this.#spaces(changed);
    for (const mapping of mapped) yield this.#opened(mapping);
  }

  *happening({ event, pid, changed, mapped, unmapped }: Happening): Iterable<string> {
    this.#text.learn(event);
    yield* this.#spaces(changed);
    for (const mapping of unmapped) yield this.#closed(mapping, this.#clock.now);
    for (const mapping of mapped) yield this.#opened(mapping);
    const { request, outcome, seq, line } = event;
    const isFault = request.call === "access";
    const name = "signal" in outcome ? outcome.signal : isFault ? "page fault" : request.call;
    const cat = "signal" in outcome ? "signal" : isFault ? "fault" : "call";
    const args = { event: seq, ...(line === undefined ? {} : { line }), text: this.#text.body(event) };
    const place = { pid: pid ?? 0, tid: event.tid, ts: this.#clock.now };
    yield this.#item({ ph: "i", s: "t", name, cat, ...place, args });
    if ("errno" in outcome)
      yield this.#item({ ph: "i", s: "p", name: outcomeText(outcome), cat: "error", ...place, args });
  }

  /** What is mapped still is closed behind the last event. */
  *end(): Iterable<string> {
    for (const mapping of this.#open.values()) yield this.#closed(mapping, this.#clock.now + 1);
    yield "\n]}\n";
  }

  /** Those that are gone come first: an exec leaves the process with the numbers of the new one. */
  *#spaces(changed: readonly SpaceNow[]): Iterable<string> {
    for (const { space, mm } of changed.toSorted(
      (a, b) => Number(a.mm !== undefined) - Number(b.mm !== undefined),
    )) {
      const { pid, comm } = space;
      if (this.#named.get(pid) !== comm) {
        this.#named.set(pid, comm);
        yield this.#item({ ph: "M", name: "process_name", pid, tid: pid, args: { name: comm } });
      }
      const numbers = {
        mappings: mm?.vmas.size ?? 0,
        "total_vm (KB)": kilobytes(mm?.totalVm ?? 0),
        "locked_vm (KB)": kilobytes(mm?.lockedVm ?? 0),
        "rss (KB)": mm?.pages ? kilobytes(mm.pages.rss) : undefined,
        "page tables (KB)": mm?.pages ? kilobytes(mm.pages.table.counted) : undefined,
      };
      for (const [name, value] of Object.entries(numbers)) yield* this.#counter(pid, name, value);
    }
  }

  *#counter(pid: number, name: string, value: number | undefined): Iterable<string> {
    const key = `${pid} ${name}`;
    if (value === undefined || (this.#counted.get(key) ?? 0) === value) return;
    this.#counted.set(key, value);
    yield this.#item({ ph: "C", name, pid, tid: pid, ts: this.#clock.now, args: { value } });
  }

  #opened(mapping: Mapping): string {
    this.#open.set(mapping.id, mapping);
    const { start, end, permissions, since, space } = mapping;
    const args = {
      range: `${hex(start * PAGE_SIZE)}-${hex(end * PAGE_SIZE)}`,
      permissions,
      KB: kilobytes(end - start),
      event: since,
      "address space": space.id,
    };
    return this.#item({ ph: "b", ...slice(mapping), ts: this.#clock.now, args });
  }

  #closed(mapping: Mapping, ts: number): string {
    this.#open.delete(mapping.id);
    return this.#item({ ph: "e", ...slice(mapping), ts });
  }

  #item(item: object): string {
    const text = `${this.#first ? "\n" : ",\n"}${JSON.stringify(item)}`;
    this.#first = false;
    return text;
  }
}

/** Slices of one name share a track. */
const slice = ({ id, name, space }: Mapping) => ({
  cat: "mapping",
  id: `0x${id.toString(16)}`,
  name: name === "" ? "anonymous" : name,
  pid: space.pid,
  tid: space.pid,
});
