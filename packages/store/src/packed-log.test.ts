import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, onTestFinished, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import { packLog } from "./pack-log.ts";
import { readLog } from "./read-log.ts";
import { brief, granted, header, refused, writeEvents } from "./testing/contract.ts";

/** A log of so many events, written under a name. */
function logAt(path: string, events: number): string {
  const writer = granted(FileLogWriter.create(path, header));
  writeEvents(writer, events);
  granted(writer.finish(`state ${events}`));
  return path;
}

const packed = (events: number): string => logAt(join(testFolder(), "a.ptlog.gz"), events);

describe("a log that is packed as it is written", () => {
  test("is read like its text, which zcat gives", () => {
    const path = packed(3000);
    const text = logAt(join(testFolder(), "a.ptlog"), 3000);
    expect(brief(readLog(path))).toBe("1–3000 finished");
    expect(execFileSync("zcat", [path]).equals(readFileSync(text))).toBe(true);
  });

  test("is continued, in the text that one writer would have written", () => {
    const path = packed(2000);
    const { writer, recovery } = granted(FileLogWriter.append(path));
    expect(recovery).toEqual({ header, seq: 2000, finished: true });
    writeEvents(writer, 1500);
    granted(writer.finish("s"));
    expect(brief(readLog(path))).toBe("1–3500 finished");
  });

  test("keeps of an append that is given up what was sealed", () => {
    const path = packed(1);
    const { writer } = granted(FileLogWriter.append(path));
    writeEvents(writer, 5);
    granted(writer.seal("s"));
    writeEvents(writer, 5);
    writer.abort();
    expect(brief(readLog(path))).toBe("1–6 unfinished");
  });

  test("is on the disk by segments, not by events", () => {
    const path = join(testFolder(), "b.ptlog.gz");
    expect(refused(FileLogWriter.create(path, header, { sync: "events" }))).toContain("packed: ");
    expect(existsSync(path)).toBe(false);
  });

  test("cut off anywhere, it ends at the seal before, says so, and goes on from there", () => {
    const path = packed(1100);
    const whole = readFileSync(path);
    const ends = new Set<string>();
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      ends.add(brief(readLog(path)));
    }
    expect([...ends].sort()).toEqual([
      "1–0 unfinished",
      "1–0 unfinished torn",
      "1–1024 unfinished",
      "1–1024 unfinished torn",
      "not-a-log",
    ]);
    writeFileSync(path, whole.subarray(0, -1));
    const { writer, recovery } = granted(FileLogWriter.append(path));
    expect(recovery).toMatchObject({ seq: 1024, finished: false });
    expect(recovery.torn?.bytes).toBeGreaterThan(100);
    writeEvents(writer, 76);
    granted(writer.finish("state 1100"));
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  test("with any byte changed it is refused with the segment, unless nothing of the text is changed by that", () => {
    const path = packed(40);
    const whole = readFileSync(path);
    const ends: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (const flip of [1, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        writeFileSync(path, bytes);
        ends.push(brief(readLog(path)));
      }
    }
    // The bits behind the end of what is deflated stand for nothing, nor does one of a member's flags.
    const harmless = ends.filter((end) => end === "1–40 finished");
    expect(harmless.length).toBeLessThan(6);
    expect([...new Set(ends)].sort()).toEqual(["1–40 finished", "damaged", "not-a-log", "packed"]);
    const bytes = Buffer.from(whole);
    bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(refused(FileLogWriter.append(path))).toMatch(
      /^damaged: .*a\.ptlog\.gz, line 2: the packed segment behind event 0 is damaged/,
    );
  });

  test("what another program packed is read, but not continued", () => {
    const path = packed(3);
    writeFileSync(path, gzipSync(gunzipSync(readFileSync(path))));
    expect(brief(readLog(path))).toBe("1–3 finished");
    expect(refused(FileLogWriter.append(path))).toContain("that another program packed cannot be continued");
  });
});

const child = fileURLToPath(new URL("testing/append-child.ts", import.meta.url));

test("a writer of a packed log, killed at any moment, loses nothing that was sealed", async () => {
  const path = packed(3);
  const told = `${path}.told`;
  let before = 3;
  for (let round = 0; round < 6; round++) {
    const output = openSync(told, "w");
    const process = spawn("node", ["--conditions=pagetrail-source", "--import", "tsx", child, path], {
      stdio: ["ignore", output, "inherit"],
    });
    closeSync(output);
    onTestFinished(() => void process.kill("SIGKILL"));
    const ended = once(process, "exit");
    while (statSync(told).size === 0) await sleep(5);
    await sleep((round * 7) % 20);
    process.kill("SIGKILL");
    await ended;
    const sealed = Number(readFileSync(told, "utf8").split("\n").at(-2));
    const end = brief(readLog(path));
    const seq = Number(/–(\d+)/.exec(end)?.[1]);
    expect(seq).toBeGreaterThanOrEqual(Math.max(sealed, before + 1));
    before = seq;
  }
  granted(granted(FileLogWriter.append(path)).writer.finish("s"));
  expect(brief(readLog(path))).toBe(`1–${before} finished`);
}, 120_000);

describe("packing a log that is there", () => {
  test("and unpacking it gives back every byte, also of one that is not finished", () => {
    const text = logAt(join(testFolder(), "a.ptlog"), 2500);
    const { writer } = granted(FileLogWriter.append(text));
    writeEvents(writer, 7);
    granted(writer.seal("s"));
    writeEvents(writer, 5);
    writer.abort();
    for (const bytes of [readFileSync(text), readFileSync(text).subarray(0, 90_000)]) {
      writeFileSync(text, bytes);
      const [gz, again] = [`${text}.gz`, `${text}.again`];
      const { end } = granted(packLog(text, gz, { overwrite: true }));
      expect(brief(readLog(gz))).toContain(`1–${end.seq} `);
      granted(packLog(gz, again, { overwrite: true }));
      const whole = bytes.subarray(0, bytes.length - (end.torn?.bytes ?? 0));
      expect(readFileSync(again).equals(whole)).toBe(true);
    }
  });

  test("refuses one that is damaged, and leaves nothing", () => {
    const text = logAt(join(testFolder(), "a.ptlog"), 3);
    writeFileSync(text, readFileSync(text, "latin1").replace("munmap", "munmop"));
    expect(refused(packLog(text, `${text}.gz`))).toContain("damaged: ");
    expect(existsSync(`${text}.gz`)).toBe(false);
  });

  test("does not overwrite what is there unless told", () => {
    const text = logAt(join(testFolder(), "a.ptlog"), 3);
    granted(packLog(text, `${text}.gz`));
    expect(refused(packLog(text, `${text}.gz`))).toContain("exists: ");
  });
});
