import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** One page of the documentation; `path` is relative to the repository, with slashes. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const IGNORED: ReadonlySet<string> = new Set(["node_modules", "dist", ".git", "recorded", "recordings"]);

/** Every Markdown page of the repository, the recordings' own one included. */
export function readPages(): readonly Page[] {
  return [...filesBelow("", ".md"), "test/recorded/README.md"].map((path) => ({
    path,
    text: readFileSync(join(root, path), "utf8"),
  }));
}

/** The TypeScript files below a folder. */
export const sourcesBelow = (folder: string): readonly string[] => filesBelow(folder, ".ts");

function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED.has(entry.name) ? [] : filesBelow(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

/** Text in backquotes, outside code blocks. */
export const inlineCode = (text: string): readonly string[] =>
  [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);

const FOLDERS = "apps|docs|examples|packages|scripts|test";

/** Files and folders of the repository that a page names in backquotes. */
export const namedPaths = (text: string): readonly string[] =>
  inlineCode(text).filter((code) => new RegExp(`^(?:${FOLDERS})/[\\w./@-]+$`).test(code));

/** Targets of a page's links into the repository: path and fragment, as they are written. */
export const links = (text: string): readonly string[] =>
  [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** The fragments that a page's headings have on GitHub. */
export const anchors = (text: string): readonly string[] =>
  [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

/** Command lines of pagetrail that a page shows: the words behind the program's name. */
export function commandLines(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console|text)?\n(.*?)^```/gms)].map(([, block = ""]) => block);
  const shown = blocks
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"))
    .map((line) => /^\s*(?:\$ )?(?:npx -y pnpm@\S+ -s )?pagetrail (\S.*)$/.exec(line)?.[1]);
  const inline = inlineCode(text).map((code) => /^(?:npx -y pnpm@\S+ -s )?pagetrail (\S.*)$/.exec(code)?.[1]);
  return [...shown, ...inline].filter((line) => line !== undefined);
}

export const exists = (path: string): boolean =>
  statSync(join(root, path), { throwIfNoEntry: false }) !== undefined;
