import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import type { WriteCall } from "./line-file.ts";
import { readLog } from "./read-log.ts";
import {
  brief,
  describeLogStore,
  granted,
  header,
  refused,
  writeEvents,
  writeLog,
} from "./testing/contract.ts";
import { eventAt } from "./testing/event-fixture.ts";
import { folderStore } from "./testing/folder-fixture.ts";

describeLogStore("a folder of files", () => folderStore(testFolder()));

describe("a file that is written", () => {
  test("leaves nothing beside the finished log", () => {
    const folder = testFolder();
    writeLog(folderStore(folder).store, "a.ptlog", 10);
    expect(readdirSync(folder)).toEqual(["a.ptlog"]);
  });

  test("leaves nothing at all when it is given up", () => {
    const folder = testFolder();
    const writer = granted(FileLogWriter.create(join(folder, "a.ptlog"), header));
    writeEvents(writer, 5000);
    expect(readdirSync(folder)).toEqual(["a.ptlog.lock", `a.ptlog.partial-${process.pid}`]);
    writer.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("replaces what a symbolic link names, not the link", () => {
    const folder = testFolder();
    const { store } = folderStore(folder);
    writeLog(store, "a.ptlog", 1);
    symlinkSync("a.ptlog", join(folder, "link"));
    granted(granted(store.create("link", header, { overwrite: true })).finish("s"));
    expect(brief(store.read("a.ptlog"))).toBe("1–0 finished");
  });

  test("never replaces a device or a folder", () => {
    expect(refused(FileLogWriter.create("/dev/null", header, { overwrite: true }))).toContain("regular file");
    expect(refused(FileLogWriter.append("/dev/null"))).toContain("regular file");
    expect(refused(FileLogWriter.create(testFolder(), header, { overwrite: true }))).toContain(
      "regular file",
    );
  });

  test("does not replace a file that appeared meanwhile", () => {
    const path = join(testFolder(), "a.ptlog");
    const writer = granted(FileLogWriter.create(path, header));
    writeFileSync(path, "precious");
    expect(refused(writer.finish("s"))).toContain("exists: ");
    writer.abort();
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  test("is refused in a folder that is not there", () => {
    const refusal = refused(FileLogWriter.create(join(testFolder(), "no", "a.ptlog"), header));
    expect(refusal).toMatch(
      /^missing: .*a\.ptlog: the log cannot be written: there is no such file or directory/,
    );
  });
});

describe("a full disk", () => {
  /** Takes so many bytes, and then the answers of a device that is really full. */
  function diskOf(bytes: number): WriteCall {
    let left = bytes;
    return (fd, buffer, offset, length, position) => {
      const count = Math.min(length, left);
      left -= count;
      if (count > 0) return writeSync(fd, buffer, offset, count, position);
      const full = openSync("/dev/full", "w");
      try {
        return writeSync(full, buffer, offset, length);
      } finally {
        closeSync(full);
      }
    };
  }

  function fillDisk(writer: FileLogWriter): string {
    for (;;) {
      const given = writer.due() ? writer.seal("s") : writer.event(eventAt(writer.seq + 1));
      if (!given.ok) return refused(given);
    }
  }

  test("refuses a new log with the reason, and keeps the earlier one", () => {
    const folder = testFolder();
    const path = join(folder, "a.ptlog");
    writeLog(folderStore(folder).store, "a.ptlog", 7);
    const writer = granted(FileLogWriter.create(path, header, { overwrite: true, write: diskOf(100_000) }));
    expect(fillDisk(writer)).toBe(
      `full: ${path}: the log cannot be written: no space is left (ENOSPC); free some space, or choose another place`,
    );
    expect(refused(writer.event(eventAt(writer.seq + 1)))).toContain("full: ");
    expect(refused(writer.finish("s"))).toContain("full: ");
    writer.abort();
    expect(readdirSync(folder)).toEqual(["a.ptlog"]);
    expect(brief(readLog(path))).toBe("1–7 finished");
  });

  test("leaves a continued log with every seal that was granted, and whole lines", () => {
    const folder = testFolder();
    const path = join(folder, "a.ptlog");
    writeLog(folderStore(folder).store, "a.ptlog", 7);
    const { writer } = granted(FileLogWriter.append(path, { write: diskOf(100_000) }));
    expect(fillDisk(writer)).toContain("full: ");
    writer.abort();
    expect(brief(readLog(path))).toBe("1–1031 unfinished");
    const again = granted(FileLogWriter.append(path)).writer;
    writeEvents(again, 1000);
    granted(again.finish("s"));
    expect(brief(readLog(path))).toBe("1–2031 finished");
  });
});

describe("a lock", () => {
  test("of a process that is dead is taken over, and its partial log removed", () => {
    const folder = testFolder();
    const path = join(folder, "a.ptlog");
    writeFileSync(`${path}.lock`, "4194305 1\n");
    writeFileSync(`${path}.partial-4194305`, "rest");
    granted(granted(FileLogWriter.create(path, header)).finish("s"));
    expect(readdirSync(folder)).toEqual(["a.ptlog"]);
  });

  test("of an earlier process with the same number is taken over", () => {
    const path = join(testFolder(), "a.ptlog");
    writeFileSync(`${path}.lock`, `${process.pid} 1\n`);
    granted(FileLogWriter.create(path, header)).abort();
  });

  test("of a living process refuses, and names it and the file to remove", () => {
    const path = join(testFolder(), "a.ptlog");
    const writer = granted(FileLogWriter.create(path, header));
    expect(refused(FileLogWriter.create(path, header))).toBe(
      `locked: ${path}: process ${process.pid} is writing this log; ` +
        `let it finish, or stop it; if there is no such process, remove ${path}.lock`,
    );
    writer.abort();
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test("that is just being taken refuses, but not for ever", () => {
    const path = join(testFolder(), "a.ptlog");
    writeFileSync(`${path}.lock`, "");
    expect(refused(FileLogWriter.create(path, header))).toContain("another process is writing this log");
    utimesSync(`${path}.lock`, 1, 1);
    granted(FileLogWriter.create(path, header)).abort();
  });
});
