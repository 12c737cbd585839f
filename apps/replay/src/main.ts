#!/usr/bin/env node
import { writeSync } from "node:fs";
import { run } from "./cli.ts";
import { ClosedPipe, type Io, type TextSink } from "./io.ts";
import { errorCode } from "./problem.ts";

/** Writes all of a text to a descriptor, waiting where a pipe is full. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, "utf8");
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

const sink = (fd: number, isTTY: boolean): TextSink => ({ isTTY, write: (text) => writeAll(fd, text) });

const controller = new AbortController();
let listening = false;

const io: Io = {
  stdout: sink(1, process.stdout.isTTY === true),
  stderr: sink(2, process.stderr.isTTY === true),
  env: process.env,
  get interrupted() {
    if (!listening) process.once("SIGINT", () => controller.abort());
    listening = true;
    return controller.signal;
  },
};

process.exitCode = await run(process.argv.slice(2), io);
