import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { MachineFiles } from "./system-files.ts";

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

function sysroot(): string {
  const root = testFolder();
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  writeFileSync(join(root, "usr/bin/prog"), "0123456789");
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("/etc/hostname", join(root, "outside"));
  return root;
}

describe("the files of a sysroot", () => {
  test("are found through its links, and named as they are inside it", () => {
    const files = new MachineFiles({ sysroot: sysroot() });
    expect(files.realpath("/bin/prog")).toBe("/usr/bin/prog");
    expect(text(files.read("/bin/prog", 2, 3))).toBe("234");
    expect(text(files.read("/usr/bin/prog", 8, 100))).toBe("89");
  });

  test("come before the machine's own, which are asked next", () => {
    const own = join(testFolder(), "own");
    writeFileSync(own, "own");
    expect(text(new MachineFiles({ sysroot: sysroot() }).read(own, 0, 3))).toBe("own");
    expect(new MachineFiles({ sysroot: sysroot(), alone: true }).read(own, 0, 3)).toBeUndefined();
    expect(new MachineFiles({ sysroot: sysroot(), alone: true }).realpath(own)).toBeUndefined();
  });

  test("do not lead out of it", () => {
    const files = new MachineFiles({ sysroot: sysroot(), alone: true });
    expect(files.realpath("/outside")).toBeUndefined();
    expect(files.realpath("/../../etc")).toBeUndefined();
  });

  test("are also found by links that are told", () => {
    const files = new MachineFiles({ sysroot: sysroot(), alone: true, links: { "/lib/p": "/usr/bin/prog" } });
    expect(files.realpath("/lib/p")).toBe("/usr/bin/prog");
    expect(text(files.read("/lib/p", 0, 1))).toBe("0");
  });

  test("are nothing where there is no regular file", () => {
    const files = new MachineFiles();
    for (const path of ["/", "/no/such", "relative/none", "bad\0name", ""]) {
      expect(files.read(path, 0, 10)).toBeUndefined();
    }
  });
});
