import {
  type Event,
  encodeEvent,
  encodeProfile,
  initialState,
  type KernelState,
  type LogHeader,
  type LogParent,
  type Profile,
  type Result,
} from "@pagetrail/core";
import type { ImportSink } from "@pagetrail/import";
import type { LogWriter, StoreRefusal } from "@pagetrail/store";
import { newDigest } from "./replayer.ts";

/** Writes what an import finds into a log, sealed with the states that it leads to. */
export class LogSink implements ImportSink {
  readonly #create: (header: LogHeader) => Result<LogWriter, StoreRefusal>;
  readonly #producer: string;
  readonly #digest = newDigest();
  #writer: LogWriter | undefined;
  #state: KernelState | undefined;
  #refusal: StoreRefusal | undefined;
  #events = 0;

  constructor(producer: string, create: (header: LogHeader) => Result<LogWriter, StoreRefusal>) {
    this.#producer = producer;
    this.#create = create;
  }

  /** Why nothing more is written, once that is so. */
  get refusal(): StoreRefusal | undefined {
    return this.#refusal;
  }

  get events(): number {
    return this.#events;
  }

  /** The last event. */
  get last(): number {
    return this.#writer?.seq ?? 0;
  }

  /** @param branch the log that this one begins in, and the state with which it goes on */
  start(
    profile: Profile,
    source: Readonly<Record<string, unknown>>,
    branch?: { readonly parent: LogParent; readonly state: KernelState },
  ): void {
    const header = { producer: this.#producer, profile: encodeProfile(profile), source };
    const created = this.#create(branch ? { ...header, parent: branch.parent } : header);
    if (created.ok) this.#writer = created.value;
    else this.#refusal = created.error;
    this.#state = branch?.state ?? initialState(profile);
  }

  event(event: Event, state: KernelState): void {
    this.#state = state;
    this.#events += 1;
    this.#write((writer) => writer.event(encodeEvent(event)));
    if (this.#writer?.due()) this.#write((writer) => writer.seal(this.#digest.of(state)));
  }

  /** Seals the log and puts it in its place. */
  finish(): void {
    const state = this.#state;
    if (state) this.#write((writer) => writer.finish(this.#digest.of(state)));
  }

  /** Leaves nothing behind, unless the log was finished. */
  abort(): void {
    this.#writer?.abort();
  }

  #write(action: (writer: LogWriter) => Result<undefined, StoreRefusal>): void {
    if (this.#refusal || !this.#writer) return;
    const written = action(this.#writer);
    if (!written.ok) this.#refusal = written.error;
  }
}
