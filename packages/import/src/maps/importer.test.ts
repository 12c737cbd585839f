import { type Event, type KernelState, maps, mmOf, type Pid, violations } from "@pagetrail/core";
import { expect, test } from "vitest";
import { MapsImporter } from "./importer.ts";

const nothing = { realpath: () => undefined, read: () => undefined };

const line = (text: string, name = ""): string => (name === "" ? `${text} ` : text.padEnd(72) + name);

const PROGRAM = line("00400000-00402000 r-xp 00000000 fe:00 4711", " /usr/bin/demo");
const HEAP = line("00500000-00521000 rw-p 00000000 00:00 0", " [heap]");
const GROWN = line("00500000-00540000 rw-p 00000000 00:00 0", " [heap]");
const MEMORY = line("7f0000000000-7f0000010000 rw-p 00000000 00:00 0");
const LOWER = line("7effffff0000-7f0000000000 rw-p 00000000 00:00 0");
const VVAR = line("7f0000010000-7f0000014000 r--p 00000000 00:00 0", " [vvar]");
const STACK = line("7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0", " [stack]");
const VSYSCALL = line("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0", " [vsyscall]");

const text = (...lines: readonly string[]): string => `${lines.join("\n")}\n`;
const FIRST = text(PROGRAM, HEAP, MEMORY, VVAR, STACK, VSYSCALL);
const SECOND = text(PROGRAM, GROWN, LOWER, MEMORY, VVAR, STACK, VSYSCALL);

interface Imported {
  readonly events: readonly Event[];
  readonly states: readonly KernelState[];
  readonly summary: ReturnType<MapsImporter["end"]>;
}

function imported(...texts: readonly string[]): Imported {
  const events: Event[] = [];
  const states: KernelState[] = [];
  const importer = new MapsImporter({
    system: nothing,
    owner: { pid: 42, comm: "demo" },
    sink: {
      start: () => undefined,
      event: (event, state) => {
        events.push(event);
        states.push(state);
      },
    },
  });
  for (const one of texts) expect(importer.push(one).ok).toBe(true);
  return { events, states, summary: importer.end() };
}

const shown = (state: KernelState | undefined): string => {
  const mm = state && mmOf(state, 42 as Pid);
  return mm ? maps(state, mm) : "";
};

test("the state behind a text is that text", () => {
  const { states, summary } = imported(FIRST);
  expect(shown(states.at(-1))).toBe(FIRST);
  expect(states.flatMap((state) => [...violations(state)])).toEqual([]);
  expect(summary).toMatchObject({ processes: 1, divergences: { count: 0 }, notes: [] });
});

test("a second text tells only what is otherwise, and when", () => {
  const { events, states } = imported(`# 10.5 s\n${FIRST}# at 12.25\n${SECOND}`);
  expect(shown(states.at(-1))).toBe(SECOND);
  const second = events.filter(({ time }) => time === 12.25).map(({ request }) => request.call);
  expect(second).toEqual(["layout", "disappears", "appears", "appears"]);
  expect(events.find(({ request }) => request.call === "appears")?.time).toBe(10.5);
});

test("several files are one series", () => {
  const { states } = imported(FIRST, SECOND, FIRST);
  expect(states.map(shown)).toContain(SECOND);
  expect(shown(states.at(-1))).toBe(FIRST);
});

test("smaps tells what was written to, and every flag", () => {
  const smaps = text(
    MEMORY,
    "Rss:                   4 kB",
    "Anonymous:             0 kB",
    "VmFlags: rd wr mr mw me dc nr lo ",
  );
  const { states } = imported(smaps);
  const vma = mmOf(states.at(-1) as KernelState, 42 as Pid)?.vmas.toArray()[0];
  expect(vma).toMatchObject({ flags: 0x222073, anonVma: 0 });
  const written = imported(smaps.replace("            0 kB", "            4 kB")).states.at(-1);
  expect(mmOf(written as KernelState, 42 as Pid)?.vmas.toArray()[0]?.anonVma).toBe(1);
});

test("a line that is none is refused with its number", () => {
  const importer = new MapsImporter({
    system: nothing,
    owner: { pid: 1, comm: "" },
    sink: { start: () => undefined, event: () => undefined },
  });
  expect(importer.push(`# 1\n${PROGRAM}\nnonsense\n`)).toMatchObject({ ok: false, error: { line: 3 } });
});
