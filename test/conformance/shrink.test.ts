import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compare,
  cProgram,
  type Difference,
  describeOperation,
  LiveKernel,
  type LiveMoment,
  type MakeModel,
  ModelRun,
  type Operation,
  scenarioText,
  shrink,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { VM } from "@pagetrail/core";
import { afterAll, describe, expect, test } from "vitest";

const reason = whyNoLiveKernel();

/** A model with a mistake: it refuses to protect shared memory. */
class Mistaken extends ModelRun {
  override step(operation: Operation): LiveMoment {
    const before = this.state;
    const moment = super.step(operation);
    const { request } = operation as { request?: { call: string; addr?: number } };
    if (request?.call !== "mprotect" || moment.result !== "0x0") return moment;
    const at = Number(request.addr);
    const mm = before.mms.get(before.tasks.get(this.tid)?.mm ?? (0 as never));
    const vma = mm?.vmas.findFrom(Math.floor(at / 4096));
    if (!vma || vma.start * 4096 > at || (vma.flags & VM.SHARED) === 0) return moment;
    return { ...moment, result: "-EINVAL" };
  }
}

describe.skipIf(reason !== undefined)(`a difference${reason ? ` (skipped: ${reason})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-shrink-"));
  const live = reason === undefined ? new LiveKernel() : undefined;
  afterAll(() => {
    live?.close();
    rmSync(folder, { recursive: true });
  });

  const mistaken: MakeModel = (kernel, start, child) => new Mistaken(kernel, start, child);
  const found = (): Difference => {
    if (!live) throw new Error("there is no live kernel");
    const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
    const first = compare(live, seeds, 80, mistaken).differences[0];
    if (!first) throw new Error("the mistake was not found");
    return shrink(live, first, mistaken);
  };
  let smallest: Difference | undefined;
  const difference = (): Difference => {
    smallest ??= found();
    return smallest;
  };

  test("is shrunk to the operations that it needs", () => {
    const { operations, child } = difference();
    const names = operations.map((o) => describeOperation(o, child.abi).replace(/\(.*/, ""));
    // Of dozens: the shared mapping, what decides where the kernel puts it, and the call.
    expect(names.at(-1)).toBe("mprotect");
    expect(names.length).toBeLessThanOrEqual(5);
  });

  test("is told as a scenario with both answers", () => {
    const text = scenarioText(difference());
    expect(text).toMatch(/^(mmap\(.*, MAP_SHARED.*\)|shmat\(.*\))$/m);
    expect(text).toMatch(/^mprotect\(0x[0-9a-f]+, 4096, [A-Z_|]+\)$/m);
    expect(text).toContain("# model:  = -EINVAL");
    expect(text).toContain("# kernel: = 0x0");
  });

  test("is told as a C program that shows the kernel's side", () => {
    const program = cProgram(difference());
    writeFileSync(join(folder, "differ.c"), program);
    const [, build = ""] = /^ \* +(gcc .*) && /m.exec(program) ?? [];
    const built = spawnSync("/bin/sh", ["-c", build], { cwd: folder, encoding: "utf8" });
    expect(built.stderr).toBe("");
    const { stdout } = spawnSync("./differ", { cwd: folder, encoding: "utf8" });
    expect(stdout).toMatch(/^mprotect\(.*\) {2}0$/m);
    expect(stdout).toMatch(/^VmFlags: .*ms/m);
  });
});
