import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, it } from "vitest";
import { Sidecar, type SidecarHead, writeSidecar } from "./sidecar.ts";

const HEAD: SidecarHead = { kind: "blame", version: 3, log: "ab".repeat(32), seq: 2048 };
const BLOCKS = [Buffer.from("first"), Buffer.alloc(0), Buffer.alloc(100_000, 7)];

/** What a sidecar holds, block by block. */
function contents(log: string, version = HEAD.version): unknown {
  const sidecar = Sidecar.open(log, HEAD.kind, version);
  if (!sidecar) return undefined;
  const blocks = Array.from({ length: sidecar.blocks }, (_, i) => sidecar.read(i));
  sidecar.close();
  return { head: { ...sidecar.head, blocks: undefined }, blocks };
}

describe("a file beside a log", () => {
  it("gives back what was written, and of which log it tells", () => {
    const log = join(testFolder(), "a.ptlog");
    expect(contents(log)).toBeUndefined();
    expect(writeSidecar(log, HEAD, BLOCKS)).toBe(true);
    expect(contents(log)).toEqual({ head: HEAD, blocks: BLOCKS });
    expect(contents(log, 4)).toBeUndefined();
  });

  it("replaces the one before, and leaves no other file", () => {
    const folder = testFolder();
    const log = join(folder, "a.ptlog");
    writeSidecar(log, HEAD, BLOCKS);
    writeSidecar(log, { ...HEAD, seq: 1 }, []);
    expect(contents(log)).toEqual({ head: { ...HEAD, seq: 1 }, blocks: [] });
    expect(readdirSync(folder)).toEqual(["a.ptlog.blame"]);
  });

  it("says so where it cannot be written", () => {
    const folder = testFolder();
    expect(writeSidecar(join(folder, "nowhere", "a.ptlog"), HEAD, BLOCKS)).toBe(false);
    mkdirSync(join(folder, "b.ptlog.blame"));
    expect(writeSidecar(join(folder, "b.ptlog"), HEAD, BLOCKS)).toBe(false);
    expect(readdirSync(folder)).toEqual(["b.ptlog.blame"]);
    expect(contents(join(folder, "b.ptlog"))).toBeUndefined();
  });

  it("never gives a block that was not written, whichever byte is damaged, or wherever it is cut", () => {
    const log = join(testFolder(), "a.ptlog");
    const blocks = [Buffer.from("first"), Buffer.from("second")];
    writeSidecar(log, HEAD, blocks);
    const file = `${log}.blame`;
    const whole = readFileSync(file);
    const wrong: unknown[] = [];
    const look = (bytes: Uint8Array): void => {
      writeFileSync(file, bytes);
      const sidecar = Sidecar.open(log, HEAD.kind, HEAD.version);
      if (!sidecar) return;
      const { log: hash, seq } = sidecar.head;
      for (let i = 0; i < sidecar.blocks; i++) {
        const read = sidecar.read(i);
        if (hash === HEAD.log && seq === HEAD.seq && read && !blocks[i]?.equals(read)) wrong.push([i, read]);
      }
      sidecar.close();
    };
    for (let at = 0; at < whole.length; at++) {
      look(whole.subarray(0, at));
      for (const flip of [1, 0x20, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        look(bytes);
      }
    }
    expect(wrong).toEqual([]);
  });
});
