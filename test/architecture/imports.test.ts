import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { PACKAGES, ROOMS } from "./rooms.ts";
import { violations } from "./rules.ts";
import { importsOf, readSource } from "./source-text.ts";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "../..");
const SKIPPED = new Set(["node_modules", "dist", "coverage"]);

function sourcesUnder(folder: string): readonly string[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourcesUnder(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

const SOURCES = ["packages", "apps", "test"].flatMap(sourcesUnder);

describe("the house", () => {
  test("every source imports only what its room may know, and the pure ones name no outside", () => {
    expect(SOURCES.flatMap((file) => violations(file, readFileSync(join(REPOSITORY, file), "utf8")))).toEqual(
      [],
    );
  });

  test("every package has sources that were read", () => {
    for (const { root } of PACKAGES) {
      expect(
        SOURCES.filter((file) => file.startsWith(`${root}/`)),
        root,
      ).not.toEqual([]);
    }
  });

  test("of the test kit only what registers with vitest knows it", () => {
    const kit = SOURCES.filter((file) => /^packages\/testing\/src\/(?!.*\.test\.ts$)/.test(file));
    const knowing = kit.filter((file) =>
      importsOf(readSource(readFileSync(join(REPOSITORY, file), "utf8"))).some(
        ({ specifier }) => specifier === "vitest",
      ),
    );
    expect(knowing).toEqual(["packages/testing/src/folder.ts", "packages/testing/src/setup.ts"]);
  });

  test("a room imports only from rooms above it", () => {
    const order = Object.keys(ROOMS);
    for (const [room, imports] of Object.entries(ROOMS)) {
      expect(order.slice(0, order.indexOf(room)), room).toEqual(expect.arrayContaining([...imports]));
    }
  });
});

/** Each line of the text must be reported, and nothing else. */
function expectEveryLine(file: string, lines: readonly string[]): void {
  const reported = violations(file, lines.join("\n")).map((violation) => violation.split(": ")[0]);
  expect(reported.sort()).toEqual(lines.map((_, i) => `${file}:${i + 1}`).sort());
}

describe("the reader of imports", () => {
  test("reports each forbidden import of a room, with its line", () => {
    expectEveryLine("packages/core/src/mm/wrong.ts", [
      'import { task } from "../process/task.ts";',
      'import type { Log } from "../log/log.ts";',
      'export * from "../kernel/execute.ts";',
      'export type { View } from "../procfs/view.ts";',
      'import "../timeline/timeline.ts";',
      'const late = await import("../fault/fault.ts");',
      'type Late = import("../index.ts").Late;',
      "const computed = await import(name);",
      'import { produce } from "immer";',
      'import BTree from "sorted-btree";',
      'import BTree from "sorted-btree/extended/index.js";',
      'import { readFileSync } from "node:fs";',
      'import { parse } from "@pagetrail/import";',
      'import { helper } from "../../../import/src/index.ts";',
      'import { vma } from "./vma";',
    ]);
  });

  test("reports an import that spans lines at the line on which it starts", () => {
    const text = '\n\nimport {\n  type Task,\n  fork,\n} from "../process/fork.ts";\n';
    expect(violations("packages/core/src/mm/wrong.ts", text)).toEqual([
      "packages/core/src/mm/wrong.ts:3: mm/ may not import process/",
    ]);
  });

  test("reports each name of the outside in a pure source, inside templates too", () => {
    expectEveryLine("packages/import/src/wrong.ts", [
      "const now = Date.now();",
      "const day = new Date();",
      "const luck = Math.random();",
      "const home = process.env.HOME;",
      "const start = performance.now();",
      "const all = globalThis;",
      "const bytes = Buffer.alloc(1);",
      'const fs = require("fs");',
      "const text = `at #{`#{Date.now()}`} #{{ a: 1 }} o'clock`;".replaceAll("#", "$"),
    ]);
  });

  test("takes nothing in comments, strings, regular expressions and properties for code", () => {
    const text = [
      '// import { fork } from "../process/fork.ts"; Date.now()',
      '/* import { fork } from "../process/fork.ts"; process.env */',
      "const text = 'import { fork } from \"../process/fork.ts\"; Math.random()';",
      'const quote = /["`\']/; const half = 4 / 2; const other = /[/"]Date/;',
      "const own = state.process.pid + task.performance;",
      'import { vpn } from "../base/units.ts"; // process.env',
    ].join("\n");
    expect(violations("packages/core/src/mm/right.ts", text)).toEqual([]);
  });

  test("reports what lies in no room, in an unknown room, or in a folder without rules", () => {
    expect(violations("packages/core/src/util.ts", "")).toHaveLength(1);
    expect(violations("packages/core/src/util/util.ts", "")).toHaveLength(1);
    expect(violations("packages/new/src/index.ts", "")).toHaveLength(1);
  });

  test("lets nobody import an app, and each package only its own list", () => {
    expectEveryLine("packages/store/src/wrong.ts", [
      'import { main } from "pagetrail";',
      'import { main } from "../../../apps/replay/src/main.ts";',
      'import { parse } from "@pagetrail/import";',
      'import { inside } from "@pagetrail/core/src/mm/vma.ts";',
    ]);
    expectEveryLine("packages/import/src/wrong.ts", ['import { createHash } from "node:crypto";']);
    expectEveryLine("test/wrong.ts", ['import { main } from "../apps/replay/src/main.ts";']);
    expectEveryLine("apps/replay/src/wrong.ts", ['import { produce } from "immer";']);
  });

  test("lets a test look into any room of its package, and use the test libraries", () => {
    const text = 'import { test } from "vitest";\nimport { fork } from "../process/fork.ts";';
    expect(violations("packages/core/src/mm/mmap.test.ts", text)).toEqual([]);
    expect(violations("packages/core/src/mm/mmap.ts", text)).toHaveLength(2);
  });
});
