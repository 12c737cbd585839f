import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { readPages, root } from "./pages.ts";
import { isShown, type Shown, sessionOf, whyNotRun } from "./sessions.ts";

const main = join(root, "apps/replay/src/main.ts");
const logs = join(root, "examples/logs");

/** A folder with the example logs, the repository's folders, and pagetrail as a command. */
function workplace(): string {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["examples", "apps", "packages"]) symlinkSync(join(root, name), join(folder, name));
  for (const name of readdirSync(logs))
    writeFileSync(join(folder, name.replace(/\.gz$/, "")), gunzipSync(readFileSync(join(logs, name))));
  copyFileSync(join(folder, "longest-line.ptlog"), join(folder, "my.ptlog"));
  const tsx = import.meta.resolve("tsx");
  const words = `--conditions=pagetrail-source --import ${tsx} ${main}`;
  writeFileSync(join(folder, "pagetrail"), `#!/bin/sh\nexec ${process.execPath} ${words} "$@"\n`, {
    mode: 0o755,
  });
  return folder;
}

function printed(
  command: string,
  folder: string,
): { readonly status: number | null; readonly lines: readonly string[] } {
  const file = join(folder, "printed");
  const fd = openSync(file, "w");
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, NO_COLOR: "1" };
  const { status } = spawnSync("sh", ["-c", command], { cwd: folder, env, stdio: ["ignore", fd, fd] });
  closeSync(fd);
  const text = readFileSync(file, "utf8").trimEnd();
  return { status, lines: text === "" ? [] : text.split("\n").map((line) => line.trimEnd()) };
}

/** What is otherwise than shown; undefined where all is as shown. */
function difference({ command, output }: Shown, folder: string): object | undefined {
  const { status, lines } = printed(command, folder);
  if (status === 0 || status === 1) {
    if (output.length === 0 || isShown(output, lines)) return undefined;
  }
  return { command, status, lines };
}

/** docs/DIFF.md has a test of its own, beside the command. */
const pages = readPages()
  .map(({ path, text }) => ({ path, session: sessionOf(text) }))
  .filter(({ path, session }) => session.length > 0 && path !== "docs/DIFF.md");

test.each(pages)(
  "$path shows what its commands print",
  ({ session }) => {
    const folder = workplace();
    const shown = session.filter(({ command }) => whyNotRun(command) === undefined);
    expect(shown.flatMap((one) => difference(one, folder) ?? [])).toEqual([]);
  },
  120_000,
);

test("every command that is shown is run here, or is one that cannot be", () => {
  const reasons = pages.flatMap(({ session }) => session.map(({ command }) => whyNotRun(command)));
  expect(reasons.filter((why) => why === undefined).length).toBeGreaterThan(30);
  expect(reasons).not.toContain("is of no known program");
});

test("the comparison tells lines that are left out from lines that are otherwise", () => {
  const lines = ["a", "b", "c d", "e"];
  expect(isShown(["a", "…", "e"], lines)).toBe(true);
  expect(isShown(["a", "b", "c…", "e"], lines)).toBe(true);
  expect(isShown(["a", "…"], lines)).toBe(true);
  expect(isShown(["a", "…", "b", "e"], lines)).toBe(false);
  expect(isShown(["a", "b", "c d"], lines)).toBe(false);
});
