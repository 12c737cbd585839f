#!/usr/bin/env node
import { writeSync } from "node:fs";
import { run } from "./cli.ts";
import { ClosedPipe, type DataSink, type Io } from "./io.ts";
import { showPaged } from "./pager.ts";
import { errorCode } from "./problem.ts";

/** Writes all bytes to a descriptor, waiting where a pipe is full. */
function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EPIPE") throw new ClosedPipe();
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

const sink = (fd: number, isTTY: boolean): DataSink => ({
  isTTY,
  write: (text) => writeAll(fd, Buffer.from(text, "utf8")),
  writeBytes: (bytes) => writeAll(fd, bytes),
});

const controller = new AbortController();
let listening = false;

const io: Io = {
  stdout: sink(1, process.stdout.isTTY === true),
  stderr: sink(2, process.stderr.isTTY === true),
  env: process.env,
  ...(process.stdout.isTTY === true && {
    page: (text: string) => showPaged(text, process.env, process.stdout.rows),
  }),
  get interrupted() {
    if (!listening) process.once("SIGINT", () => controller.abort());
    listening = true;
    return controller.signal;
  },
};

process.exitCode = await run(process.argv.slice(2), io);
