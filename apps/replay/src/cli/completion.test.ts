import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { pagetrail } from "../testing/log-fixture.ts";

/** A folder with the script of a shell in it, and some files to be completed. */
async function folderFor(shell: string): Promise<string> {
  const folder = testFolder();
  const { code, out } = await pagetrail(["completion", shell]);
  expect(code).toBe(0);
  writeFileSync(join(folder, SCRIPT), out);
  for (const name of ["my.ptlog", "start.sh"]) writeFileSync(join(folder, name), "");
  return folder;
}

const SCRIPT = "completion-script";

const missing = (shell: string): boolean => spawnSync(shell, ["-c", ":"]).status !== 0;

/** What bash offers behind these words, of which the last is the one that is completed. */
async function inBash(...words: readonly string[]): Promise<readonly string[]> {
  const cwd = await folderFor("bash");
  const lines = [
    `source ./${SCRIPT}`,
    `COMP_WORDS=(pagetrail ${words.map((word) => `'${word}'`).join(" ")})`,
    `COMP_CWORD=${words.length}`,
    `_pagetrail; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const out = execFileSync("bash", ["-c", lines.join("\n")], { cwd, encoding: "utf8" });
  return out.split("\n").filter((line) => line !== "");
}

describe.skipIf(missing("bash"))("in bash", () => {
  test("commands are completed, also those below import", async () => {
    expect(await inBash("sma")).toEqual(["smaps"]);
    expect(await inBash("import", "st")).toContain("strace");
  });

  test("a command's options are, and what they may be given", async () => {
    expect(await inBash("maps", "--ga")).toEqual(["--gaps"]);
    expect(await inBash("maps", "--at", "e")).toEqual(["end"]);
    expect(await inBash("--color", "al")).toEqual(["always"]);
    expect(await inBash("--color", "always", "maps", "--ga")).toEqual(["--gaps"]);
  });

  test("files are, beside what a word may be otherwise", async () => {
    expect(await inBash("maps", "my")).toEqual(["my.ptlog"]);
    expect(await inBash("why", "my.ptlog", "st")).toEqual(["start", "start.sh"]);
  });
});

test.skipIf(missing("zsh"))("zsh takes the script, and asks it", async () => {
  const cwd = await folderFor("zsh");
  const asked = `autoload -U compinit && compinit -u -D; source ./${SCRIPT}; print -r -- $_comps[pagetrail]`;
  const out = execFileSync("zsh", ["-fc", asked], { cwd, encoding: "utf8" });
  expect(out.trim()).toBe("_bash_complete -o filenames -F _pagetrail");
});

describe.skipIf(missing("fish"))("in fish", () => {
  const inFish = async (line: string): Promise<readonly string[]> => {
    const cwd = await folderFor("fish");
    const asked = `source ./${SCRIPT}; complete -C '${line}'`;
    const out = execFileSync("fish", ["--no-config", "-c", asked], { cwd, encoding: "utf8" });
    return out.split("\n").flatMap((offer) => offer.split("\t")[0] || []);
  };

  test("commands, options, values and files are completed", async () => {
    expect(await inFish("pagetrail sma")).toEqual(["smaps"]);
    expect(await inFish("pagetrail import st")).toContain("strace");
    expect(await inFish("pagetrail maps --ga")).toEqual(["--gaps"]);
    expect(await inFish("pagetrail maps --at e")).toEqual(["end"]);
    expect(await inFish("pagetrail maps my")).toEqual(["my.ptlog"]);
  });
});
