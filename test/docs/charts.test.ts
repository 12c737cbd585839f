import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execLife, idleLife, kthreadLife, type Life, mmLife, taskLife } from "@pagetrail/core";
import { expect, test } from "vitest";
import { mermaid } from "./chart-text.ts";
import { root } from "./pages.ts";

const LIVES: Readonly<Record<string, Life<string, string>>> = {
  task: taskLife as Life<string, string>,
  kthread: kthreadLife as Life<string, string>,
  idle: idleLife as Life<string, string>,
  mm: mmLife as Life<string, string>,
  exec: execLife as Life<string, string>,
};

const path = join(root, "docs/LIVES.md");

/** The page with every diagram drawn again: `<!-- chart: NAME -->` stands before each. */
function redrawn(page: string): string {
  return page.replaceAll(
    /(<!-- chart: (\w+) -->\n\n```mermaid\n)[^`]*(```)/g,
    (whole, before: string, name: string, after: string) => {
      const life = LIVES[name];
      return life ? `${before}${mermaid(life)}\n${after}` : whole;
    },
  );
}

test("docs/LIVES.md draws every chart, as it is (vitest -u draws them again)", async () => {
  const page = readFileSync(path, "utf8");
  for (const name of Object.keys(LIVES)) expect(page).toContain(`<!-- chart: ${name} -->\n\n\`\`\`mermaid\n`);
  await expect(redrawn(page)).toMatchFileSnapshot(path);
});
