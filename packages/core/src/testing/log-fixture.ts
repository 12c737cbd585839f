import { LogDecoder, type LogItem } from "../log/decode.ts";
import { LogEncoder } from "../log/encode.ts";
import type { Hasher } from "../log/hasher.ts";
import type { LogHeader } from "../log/header.ts";
import type { LogUpgrade } from "../log/upgrade.ts";

/** FNV-1a over UTF-16 units: enough to see any one changed character, and the core has nothing better. */
export function toyHash(): Hasher {
  let state = 0x811c9dc5;
  return {
    update(text) {
      for (let index = 0; index < text.length; index += 1) {
        state = Math.imul(state ^ text.charCodeAt(index), 0x01000193) >>> 0;
      }
    },
    digest: () => state.toString(16).padStart(8, "0"),
  };
}

export const header: LogHeader = {
  producer: "pagetrail 0.1.0",
  profile: { arch: "x86_64", release: "6.12" },
  source: { kind: "test" },
};

export type TestEvent = { readonly seq: number; readonly call: string };

export const eventAt = (seq: number): TestEvent => ({ seq, call: `brk ${seq}` });

/** The text of a log of `count` events with a seal behind every `perSeal` of them. */
export function logText(
  count: number,
  { perSeal = 1024, finish = true }: { readonly perSeal?: number; readonly finish?: boolean } = {},
): string {
  const encoder = new LogEncoder({ header, hash: toyHash });
  let text = encoder.header();
  for (let seq = 1; seq <= count; seq += 1) {
    text += encoder.event(eventAt(seq));
    if (seq % perSeal === 0) text += encoder.seal(`state ${seq}`);
  }
  return finish ? text + encoder.finish(`state ${count}`) : text;
}

export function decode(chunks: Iterable<string>, upgrades: readonly LogUpgrade[] = []): readonly LogItem[] {
  const decoder = new LogDecoder({ hash: toyHash, upgrades });
  const items: LogItem[] = [];
  for (const chunk of chunks) items.push(...decoder.push(chunk));
  return [...items, ...decoder.end()];
}

/** A log's items in brief: `header`, an event's seq with `?` when nothing vouches for it, `seal`, the end. */
export function brief(items: readonly LogItem[]): string {
  return items.map(briefItem).join(" ");
}

function briefItem(item: LogItem): string {
  switch (item.kind) {
    case "header":
      return item.sealed ? "header" : "header?";
    case "event":
      return item.sealed ? `${item.event.seq}` : `${item.event.seq}?`;
    case "seal":
      return "seal";
    case "end":
      return `${item.end.finished ? "finished" : "unfinished"}${item.end.torn === undefined ? "" : " torn"}`;
    case "refused":
      return item.refusal.fault;
  }
}
