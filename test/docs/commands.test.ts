import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "./pages.ts";

const path = join(root, "docs/COMMANDS.md");
const main = join(root, "apps/replay/src/main.ts");
const source = ["--conditions=pagetrail-source", "--import", import.meta.resolve("tsx"), main];

async function help(command: string): Promise<string> {
  const words = command === "" ? [] : command.split(" ");
  const { stdout } = await promisify(execFile)(process.execPath, [...source, ...words, "--help"]);
  return stdout.trimEnd().replaceAll(/ +$/gm, "");
}

/** The names of what a help lists below "Commands:", each behind `above`. */
function commandsIn(text: string, above: string): readonly string[] {
  const [, listed = ""] = /^Commands:\n((?: {2}.*\n?)+)/m.exec(text) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name);
  return names.filter((name) => name !== "help").map((name) => `${above}${name}`);
}

const section = (command: string, text: string): string =>
  `## ${command === "" ? "pagetrail" : command}\n\n\`\`\`text\n${text}\n\`\`\`\n`;

test("docs/COMMANDS.md has every command's help, as it is (vitest -u writes it again)", async () => {
  const all = await help("");
  const commands = commandsIn(all, "");
  const below = commandsIn(await help("import"), "import ");
  expect(commands.length).toBeGreaterThan(30);
  expect(below).toHaveLength(4);
  const named = commands.flatMap((command) => (command === "import" ? below : [command]));
  const helps = await Promise.all(named.map(async (command) => section(command, await help(command))));
  const intro = "# Commands\n\nWhat `pagetrail COMMAND --help` says of each.\n";
  await expect([intro, section("", all), ...helps].join("\n")).toMatchFileSnapshot(path);
}, 60_000);
