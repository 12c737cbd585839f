import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import {
  anchors,
  commandLines,
  exists,
  links,
  namedPaths,
  type Page,
  readPages,
  root,
  sourcesBelow,
} from "./pages.ts";

const pages = readPages();
const main = join(root, "apps/replay/src/main.ts");
const source = ["--conditions=pagetrail-source", "--import", import.meta.resolve("tsx"), main];

const faults = (fault: (page: Page) => readonly string[]): readonly string[] =>
  pages.flatMap((page) => fault(page).map((what) => `${page.path}: ${what}`));

describe("the pages", () => {
  test("name only files and folders that exist", () => {
    expect(pages.flatMap(({ text }) => namedPaths(text)).length).toBeGreaterThan(100);
    expect(faults(({ text }) => namedPaths(text).filter((path) => !exists(path)))).toEqual([]);
  });

  test("link only to pages and headings that exist", () => {
    expect(pages.flatMap(({ text }) => links(text)).length).toBeGreaterThan(20);
    expect(faults(({ path, text }) => links(text).filter((link) => !leadsSomewhere(path, link)))).toEqual([]);
  });

  test("show only commands and options that pagetrail has", async () => {
    const lines = pages.flatMap(({ path, text }) => commandLines(text).map((line) => ({ path, line })));
    expect(lines.length).toBeGreaterThan(10);
    const help = await helpOf(lines.map(({ line }) => commandOf(line)));
    const unknown = lines.filter(({ line }) => unknownWords(line, help).length > 0);
    expect(unknown).toEqual([]);
  });
});

function leadsSomewhere(from: string, link: string): boolean {
  const [path = "", fragment] = link.split("#");
  const target = path === "" ? from : posix.join(posix.dirname(from), path);
  if (!exists(target)) return false;
  if (fragment === undefined) return true;
  return anchors(readFileSync(join(root, target), "utf8")).includes(fragment);
}

/** `import strace` or `maps`; "" for the program's own options. */
const commandOf = (line: string): string =>
  /^(?:import [a-z]+|[a-z]+)/.exec(line.replace(/^help .*/, ""))?.[0] ?? "";

/** What each command, and the program itself, says of itself. */
async function helpOf(commands: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const asked = [...new Set(["", ...commands])];
  const told = await Promise.all(
    asked.map(async (command) => {
      const words = command === "" ? [] : command.split(" ");
      const run = promisify(execFile)(process.execPath, [...source, ...words, "--help"]);
      return [command, await run.then(({ stdout }) => stdout).catch(() => "")] as const;
    }),
  );
  return new Map(told);
}

/** A command that is not there, or its options that are not. */
function unknownWords(line: string, help: ReadonlyMap<string, string>): readonly string[] {
  const command = commandOf(line);
  const text = help.get(command) ?? "";
  if (!text.startsWith(`Usage: pagetrail ${command}`)) return [command];
  // What stands behind -- is another program's.
  const [own = ""] = line.split(" -- ");
  const options = own.split(/\s+/).filter((word) => /^--?[a-z]/.test(word));
  return options.filter((option) => !new RegExp(`(?:^|[\\s,])${option}(?:[\\s,=]|$)`, "m").test(text));
}

describe("the table of kernel functions in docs/ARCHITECTURE.md", () => {
  const page = pages.find(({ path }) => path === "docs/ARCHITECTURE.md")?.text ?? "";
  const rows = [...page.matchAll(/^\| `(\w+)` +\| `([\w./-]+\.ts)` +\| `(\w+)` +\|$/gm)].map(
    ([, kernel = "", file = "", ours = ""]) => ({ kernel, file, ours }),
  );
  const sources = new Map(rows.map(({ file }) => [file, readFileSync(join(root, file), "utf8")]));

  test("names in each row a file that speaks of the kernel's function and has ours", () => {
    expect(rows.length).toBeGreaterThan(100);
    const wrong = rows.filter(({ kernel, file, ours }) => {
      // do_this(_or_that) in a comment is two names.
      const text = (sources.get(file) ?? "").replaceAll(/(\w+)\((_\w+)\)/g, "$1 $1$2");
      const spoken = new RegExp(`\\b${kernel}\\b`).test(text);
      const declared = new RegExp(`(?:function|const) ${ours}\\b|^ {2}${ours}\\(`, "m").test(text);
      return !spoken || !declared;
    });
    expect(wrong).toEqual([]);
  });

  test("has every function that a @kernel tag of the sources names", () => {
    const listed = new Set(rows.map(({ kernel }) => kernel));
    const missing = [...new Set([...kernelTags()].filter((name) => !listed.has(name)))];
    expect(missing).toEqual([]);
  });
});

/** The functions behind `@kernel` in the sources: `name, other, file.c (6.18); name, file.c`. */
function* kernelTags(): Iterable<string> {
  for (const file of ["packages/core/src", "packages/import/src"].flatMap(sourcesBelow)) {
    for (const [, tag = ""] of readFileSync(join(root, file), "utf8").matchAll(/@kernel (.+)$/gm)) {
      const names = tag
        .replaceAll(/(\w+)\((_\w+)\)/g, "$1, $1$2")
        .replaceAll(/SYSCALL_DEFINE\d\((\w+)\)/g, "$1");
      for (const word of names.split(/[,;:] */)) if (/^\w+$/.test(word)) yield word;
    }
  }
}
