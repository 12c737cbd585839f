import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { explainRefusal } from "@pagetrail/core";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import { readLog } from "./read-log.ts";
import { brief, granted, header, refused, writeEvents, writeLog } from "./testing/contract.ts";
import { folderStore } from "./testing/folder-fixture.ts";

/** A log of `count` events in a file, and its bytes. */
function logFile(count: number): { readonly path: string; readonly bytes: Buffer } {
  const folder = testFolder();
  writeLog(folderStore(folder).store, "a.ptlog", count);
  const path = join(folder, "a.ptlog");
  return { path, bytes: readFileSync(path) };
}

function readBytes(path: string, bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  return brief(readLog(path));
}

describe("a finished log's file", () => {
  test("does not hide any changed byte", () => {
    const { path, bytes } = logFile(3);
    for (let at = 0; at < bytes.length; at += 1) {
      const old = bytes[at] ?? 0;
      for (const value of [old ^ 1, old ^ 0x80, old ^ 0x1a, 10]) {
        if (value === old) continue;
        bytes[at] = value;
        const told = readBytes(path, bytes);
        expect(["damaged", "not-a-log", "unknown-version"], `byte ${at} became ${value}: ${told}`).toContain(
          told,
        );
      }
      bytes[at] = old;
    }
    expect(readBytes(path, bytes)).toBe("1–3 finished");
  });

  test("does not hide a changed byte of a character that means damaged UTF-8", () => {
    const folder = testFolder();
    const path = join(folder, "a.ptlog");
    const writer = granted(FileLogWriter.create(path, { ...header, source: { name: "\ufffd" } }));
    granted(writer.event({ seq: 1, ...{ name: "\ufffd" } }));
    granted(writer.finish("\ufffd"));
    const bytes = readFileSync(path);
    for (const [at, old] of bytes.entries()) {
      for (const value of [0xf0, 0xf3]) {
        bytes[at] = value;
        writeFileSync(path, bytes);
        expect([...readLog(path)].at(-1)?.kind, `byte ${at} became ${value}`).toBe("refused");
      }
      bytes[at] = old;
    }
  });

  test("cut off at any byte is an unfinished log with the exact length of its torn tail", () => {
    const { path, bytes } = logFile(3);
    const firstLine = bytes.indexOf(10) + 1;
    for (let length = firstLine; length < bytes.length; length += 1) {
      writeFileSync(path, bytes.subarray(0, length));
      const last = [...readLog(path)].at(-1);
      const wholeLines = bytes.lastIndexOf(10, length - 1) + 1;
      expect(last, `cut at ${length}`).toMatchObject({ kind: "end", end: { finished: false } });
      expect(last?.kind === "end" ? (last.end.torn?.bytes ?? 0) : -1).toBe(length - wholeLines);
    }
  });

  test("is read across the borders of chunks", () => {
    const { path, bytes } = logFile(20_000);
    expect(bytes.length).toBeGreaterThan(512 * 1024);
    expect(brief(readLog(path))).toBe("1–20000 finished");
  });

  test("is closed when the reader stops early", () => {
    const path = realpathSync(logFile(3000).path);
    let meanwhile = 0;
    for (const item of readLog(path)) {
      if (item.kind !== "event" || item.event.seq !== 5) continue;
      meanwhile = descriptorsOf(path);
      break;
    }
    expect(meanwhile).toBe(1);
    expect(descriptorsOf(path)).toBe(0);
  });
});

describe("standard input", () => {
  test("is read when the log's name is -", () => {
    const { bytes } = logFile(3000);
    const script = `
      import { readLog } from ${JSON.stringify(new URL("read-log.ts", import.meta.url).href)};
      const items = [...readLog("-")];
      process.stdout.write(items.length + " " + items.at(-1).kind);
    `;
    const args = ["--conditions=pagetrail-source", "--import", "tsx", "--input-type=module", "-e", script];
    const run = (input: Buffer): string => execFileSync("node", args, { input, encoding: "utf8" });
    expect(run(bytes)).toBe("3005 end");
    expect(run(gzipSync(bytes))).toBe("3005 end");
  });
});

/** How many of this process's descriptors lead to the file. */
function descriptorsOf(path: string): number {
  const links = execFileSync("ls", ["-l", `/proc/${process.pid}/fd`], { encoding: "utf8" });
  return links.split("\n").filter((line) => line.endsWith(` -> ${path}`)).length;
}

describe("a packed log", () => {
  test("is read like its text, also when each part was packed on its own", () => {
    const { path, bytes } = logFile(3000);
    expect(readBytes(path, gzipSync(bytes))).toBe("1–3000 finished");
    const parts = [bytes.subarray(0, 70), bytes.subarray(70, 4000), bytes.subarray(4000)];
    expect(readBytes(path, Buffer.concat(parts.map((part) => gzipSync(part))))).toBe("1–3000 finished");
  });

  test("that is damaged or cut off is refused", () => {
    const { path, bytes } = logFile(3);
    const packed = gzipSync(bytes);
    expect(readBytes(path, packed.subarray(0, -9))).toBe("packed");
    packed[40] = (packed[40] ?? 0) ^ 1;
    expect(readBytes(path, packed)).toBe("packed");
  });

  test("cannot be continued", () => {
    const { path, bytes } = logFile(3);
    writeFileSync(path, gzipSync(bytes));
    expect(refused(FileLogWriter.append(path))).toContain("packed: ");
    writeFileSync(path, bytes);
    const { writer } = granted(FileLogWriter.append(path));
    writeEvents(writer, 1);
    writer.abort();
  });
});

describe("what is no log", () => {
  test.each([
    ["an empty file", ""],
    ["a trace", "brk(NULL) = 0x1000\n"],
    ["bytes", "\u0000\u0001\n\n\n"],
  ])("%s is refused with the file's name", (_, text) => {
    const path = join(testFolder(), "a.ptlog");
    writeFileSync(path, text);
    const [item] = readLog(path);
    expect(item?.kind === "refused" && explainRefusal(item.refusal)).toContain(
      `${path}, line 1: this is not a Pagetrail log`,
    );
  });

  test("a folder is refused", () => {
    const [item] = readLog(testFolder());
    expect(item?.kind === "refused" && item.refusal.what).toContain("a directory is in the way (EISDIR)");
  });
});
