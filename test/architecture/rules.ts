import { posix } from "node:path";
import { OUTSIDE, PACKAGES, type PackageRule, ROOMS_OF_LIBRARY, TEST_IMPORTS } from "./rooms.ts";
import { importsOf, lineAt, readSource, type SourceText } from "./source-text.ts";

/** One line that breaks a rule, as `file:line: sentence`. */
export type Violation = string;

/** Tests, and what only tests use. */
const isTest = (file: string): boolean => file.endsWith(".test.ts") || /\/src\/(?:.*\/)?testing\//.test(file);

const ruleFor = (file: string): PackageRule | undefined =>
  PACKAGES.find((rule) => file.startsWith(`${rule.root}/`));

const listed = (list: readonly string[], specifier: string): boolean =>
  list.some((entry) =>
    entry.endsWith("*") ? specifier.startsWith(entry.slice(0, -1)) : specifier === entry,
  );

/** The room of a file; "" for one that lies beside the rooms. */
function roomOf(rule: PackageRule, file: string): string {
  const path = file.slice(rule.root.length + 1);
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

function relativeFault(rule: PackageRule, file: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(file), specifier);
  if (!target.startsWith(`${rule.root}/`)) return `${specifier} leaves ${rule.root}`;
  if (!/\.(ts|json)$/.test(target)) return `${specifier} lacks its extension`;
  if (!rule.rooms || isTest(file)) return undefined;
  const [from, to] = [roomOf(rule, file), roomOf(rule, target)];
  if (from === "" || from === to) return undefined;
  if (rule.rooms[from]?.includes(to)) return undefined;
  return `${from}/ may not import ${to === "" ? specifier : `${to}/`}`;
}

function packageFault(rule: PackageRule, file: string, specifier: string): string | undefined {
  if (specifier === "") return "import() of a name that is computed";
  const tested = isTest(file) || rule.root === "test";
  if (tested && listed(TEST_IMPORTS, specifier)) return undefined;
  if (!listed(rule.imports, specifier)) return `${rule.root} may not import ${specifier}`;
  const rooms = rule.rooms ? ROOMS_OF_LIBRARY[specifier.replace(/\/.*/, "")] : undefined;
  if (!rooms || isTest(file) || rooms.includes(roomOf(rule, file))) return undefined;
  return `${specifier} belongs to ${rooms.join("/, ")}/`;
}

function importFaults(rule: PackageRule, file: string, source: SourceText): readonly Violation[] {
  return importsOf(source).flatMap(({ specifier, line }) => {
    const fault = specifier.startsWith(".")
      ? relativeFault(rule, file, specifier)
      : packageFault(rule, file, specifier);
    return fault === undefined ? [] : [`${file}:${line}: ${fault}`];
  });
}

/** Lines at which a pure source names the outside. */
function outsideFaults(file: string, source: SourceText): readonly Violation[] {
  return OUTSIDE.flatMap((name) =>
    [...source.code.matchAll(new RegExp(name, "g"))].map(
      (match) => `${file}:${lineAt(source.code, match.index)}: names the outside: ${match[0]}`,
    ),
  );
}

/** Every breach of the import rules in one source; `file` is relative to the repository, with slashes. */
export function violations(file: string, text: string): readonly Violation[] {
  const rule = ruleFor(file);
  if (!rule) return [`${file}:1: no rule says what this folder may import`];
  const room = isTest(file) ? "" : roomOf(rule, file);
  if (rule.rooms && room === "" && !isTest(file) && !/\/index\.ts$/.test(file))
    return [`${file}:1: lies in no room`];
  if (rule.rooms && room !== "" && !(room in rule.rooms)) return [`${file}:1: ${room}/ is no known room`];
  const source = readSource(text);
  const outside = rule.pure && !isTest(file) ? outsideFaults(file, source) : [];
  return [...importFaults(rule, file, source), ...outside];
}
