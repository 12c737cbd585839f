import { explainRefusal, type LogHeader, type Result } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import type { LogWriter } from "../log-writer.ts";
import type { LogStore, StoreItem, StoreRefusal } from "../store.ts";
import { eventAt } from "./event-fixture.ts";

/** A store under test, with a way around it to the text of its logs. */
export type StoreUnderTest = {
  readonly store: LogStore;
  readonly text: (name: string) => string;
  readonly setText: (name: string, text: string) => void;
};

export const header: LogHeader = { producer: "pagetrail 0.1.0", profile: { arch: "x86_64" }, source: {} };

/** The value, where a test expects no refusal. */
export function granted<T>(result: Result<T, StoreRefusal>): T {
  if (!result.ok) throw new Error(explainRefusal(result.error));
  return result.value;
}

/** The refusal's fault and words, where a test expects one. */
export function refused(result: Result<unknown, StoreRefusal>): string {
  return result.ok ? "granted" : `${result.error.fault}: ${explainRefusal(result.error)}`;
}

export function writeEvents(writer: LogWriter, count: number): void {
  for (let written = 0; written < count; written += 1) {
    granted(writer.event(eventAt(writer.seq + 1)));
    if (writer.due()) granted(writer.seal(`state ${writer.seq}`));
  }
}

export function writeLog(store: LogStore, name: string, count: number): void {
  const writer = granted(store.create(name, header));
  writeEvents(writer, count);
  granted(writer.finish(`state ${count}`));
}

/** A log in brief: `1–3 finished`, `1–3 unfinished torn`, or the refusal's fault. */
export function brief(items: Iterable<StoreItem>): string {
  let seq = 0;
  for (const item of items) {
    if (item.kind === "event") {
      seq += 1;
      expect(item.event).toEqual(eventAt(seq));
    }
    if (item.kind === "refused") return item.refusal.fault;
    if (item.kind === "end") {
      expect(item.end.seq).toBe(seq);
      return `1–${seq} ${item.end.finished ? "finished" : "unfinished"}${item.end.torn === undefined ? "" : " torn"}`;
    }
  }
  return "nothing";
}

/** The tests that every store passes; `open` gives an empty one. */
export function describeLogStore(name: string, open: () => StoreUnderTest): void {
  describe(name, () => {
    test("gives back what was written", () => {
      const { store } = open();
      writeLog(store, "a", 3000);
      expect(brief(store.read("a"))).toBe("1–3000 finished");
      expect([...store.read("a")].filter((item) => item.kind === "seal").length).toBe(3);
    });

    test("keeps its logs apart", () => {
      const { store } = open();
      writeLog(store, "a", 1);
      writeLog(store, "b", 2);
      expect(brief(store.read("a"))).toBe("1–1 finished");
    });

    test("knows no log that was never written", () => {
      const { store } = open();
      expect(brief(store.read("a"))).toBe("missing");
      expect(refused(store.append("a"))).toContain("missing: ");
    });

    test("shows a new log when it is finished, and not before", () => {
      const { store } = open();
      const writer = granted(store.create("a", header));
      writeEvents(writer, 2000);
      expect(brief(store.read("a"))).toBe("missing");
      granted(writer.finish("s"));
      expect(brief(store.read("a"))).toBe("1–2000 finished");
    });

    test("replaces a log only when told to, and when the new one is finished", () => {
      const { store } = open();
      writeLog(store, "a", 1);
      expect(refused(store.create("a", header))).toContain("exists: ");
      const writer = granted(store.create("a", header, { overwrite: true }));
      writeEvents(writer, 2);
      expect(brief(store.read("a"))).toBe("1–1 finished");
      granted(writer.finish("s"));
      expect(brief(store.read("a"))).toBe("1–2 finished");
    });

    test("keeps the earlier log when a new one is given up", () => {
      const { store } = open();
      writeLog(store, "a", 1);
      const writer = granted(store.create("a", header, { overwrite: true }));
      writeEvents(writer, 2000);
      writer.abort();
      writer.abort();
      expect(brief(store.read("a"))).toBe("1–1 finished");
      granted(store.append("a")).writer.abort();
    });

    test("goes on with a log, in the text that one writer would have written", () => {
      const { store, text } = open();
      const first = granted(store.create("a", header));
      writeEvents(first, 5);
      granted(first.finish("s"));
      const { writer, recovery } = granted(store.append("a"));
      expect(recovery).toEqual({ header, seq: 5, finished: true });
      writeEvents(writer, 2000);
      expect(writer.seq).toBe(2005);
      granted(writer.finish("s"));
      expect(brief(store.read("a"))).toBe("1–2005 finished");
      expect(
        text("a")
          .split("\n")
          .filter((line) => line.startsWith('{"seal"')).length,
      ).toBe(3);
    });

    test("drops a torn tail before it goes on, and says what it was", () => {
      const { store, text, setText } = open();
      writeLog(store, "a", 3);
      const whole = text("a");
      const cut = whole.indexOf('{"seal"');
      setText("a", whole.slice(0, cut - 5));
      expect(brief(store.read("a"))).toBe("1–2 unfinished torn");
      const { writer, recovery } = granted(store.append("a"));
      const torn = JSON.stringify(eventAt(3)).slice(0, -4);
      expect(recovery).toMatchObject({
        seq: 2,
        finished: false,
        torn: { line: 4, bytes: torn.length + 1, text: torn },
      });
      writeEvents(writer, 1);
      granted(writer.finish("state 3"));
      expect(text("a")).toBe(whole);
    });

    test("drops a torn tail that has its newline", () => {
      const { store, text, setText } = open();
      writeLog(store, "a", 1);
      const whole = text("a");
      setText("a", `${whole}\0\0é\n`);
      const { writer, recovery } = granted(store.append("a"));
      expect(recovery.torn?.bytes).toBe(5);
      writer.abort();
      expect(text("a")).toBe(whole);
    });

    test("does not go on with a damaged log, and leaves it as it is", () => {
      const { store, text, setText } = open();
      writeLog(store, "a", 3);
      const damaged = text("a").replace("munmap", "munmop");
      setText("a", damaged);
      expect(brief(store.read("a"))).toBe("damaged");
      expect(refused(store.append("a"))).toMatch(/^damaged: .*a, line 5, segment 1, events 1 to 3: the seal/);
      expect(text("a")).toBe(damaged);
    });

    test("refuses a second writer until the first is done", () => {
      const { store } = open();
      writeLog(store, "a", 1);
      const first = granted(store.append("a")).writer;
      expect(refused(store.append("a"))).toMatch(/^locked: .*a: /);
      expect(refused(store.create("a", header, { overwrite: true }))).toMatch(/^locked: .*a: /);
      granted(first.finish("s"));
      const second = granted(store.append("a")).writer;
      second.abort();
      granted(store.create("a", header, { overwrite: true })).abort();
    });

    test("refuses two writers of one new log", () => {
      const { store } = open();
      const first = granted(store.create("a", header));
      expect(refused(store.create("a", header))).toMatch(/^locked: .*a: /);
      first.abort();
      granted(store.create("a", header)).abort();
    });

    test("shows a reader whole lines while a log grows", () => {
      const { store } = open();
      writeLog(store, "a", 1);
      const { writer } = granted(store.append("a"));
      writeEvents(writer, 1023);
      expect(brief(store.read("a"))).toMatch(/^1–\d+ (un)?finished$/);
      writeEvents(writer, 1);
      expect(brief(store.read("a"))).toBe("1–1025 unfinished");
      writer.abort();
    });
  });
}
