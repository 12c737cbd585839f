import type { LogHeader } from "@pagetrail/core";
import type { LogWriter } from "@pagetrail/store";

export const HEADER: LogHeader = { producer: "durability", profile: { é: 1 }, source: {} };

/** Each knows its place, and is not plain ASCII. */
export const eventAt = (seq: number): { readonly seq: number; readonly call: string } => ({
  seq,
  call: `munmap("é", 0x7f0000${seq}000) = 0`,
});

/** Writes the next events, sealing when that is due. */
export function writeEvents(writer: LogWriter, count: number): void {
  for (let n = 0; n < count; n++) {
    if (writer.due()) granted(writer.seal(`state ${writer.seq}`));
    granted(writer.event(eventAt(writer.seq + 1)));
  }
}

export function granted<T>(
  result:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly what: string } },
): T {
  if (!result.ok) throw new Error(result.error.what);
  return result.value;
}
