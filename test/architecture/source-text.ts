/** Reading a TypeScript source just far enough to know its imports and the names in its code. */

export type Import = { readonly specifier: string; readonly line: number };

export type SourceText = {
  /** The text without comments: same length, same lines. */
  readonly uncommented: string;
  /** Also without the contents of strings, templates and regular expressions. */
  readonly code: string;
};

const QUOTES = new Set(['"', "'"]);
/** A slash after one of these starts a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|case|typeof|in|of|void))\s*$/;

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

function endOfQuoted(text: string, start: number): number {
  const quote = text[start];
  let i = start + 1;
  while (i < text.length && text[i] !== quote && text[i] !== "\n") i += text[i] === "\\" ? 2 : 1;
  return Math.min(i + 1, text.length);
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let i = start + 1;
  while (i < text.length && text[i] !== "\n" && (inClass || text[i] !== "/")) {
    if (text[i] === "[") inClass = true;
    if (text[i] === "]") inClass = false;
    i += text[i] === "\\" ? 2 : 1;
  }
  return Math.min(i + 1, text.length);
}

/** The end of template text from `start`: after its closing backtick, or after the next `${`. */
function endOfTemplateText(text: string, start: number): { readonly end: number; readonly opens: boolean } {
  let i = start;
  while (i < text.length) {
    if (text[i] === "`") return { end: i + 1, opens: false };
    if (text[i] === "$" && text[i + 1] === "{") return { end: i + 2, opens: true };
    i += text[i] === "\\" ? 2 : 1;
  }
  return { end: text.length, opens: false };
}

export function readSource(text: string): SourceText {
  let uncommented = "";
  let code = "";
  let at = 0;
  /** For each open `${`, how many braces are open inside it. */
  const substitutions: number[] = [];

  const keep = (end: number): void => {
    uncommented += text.slice(at, end);
    code += text.slice(at, end);
    at = end;
  };
  const literal = (end: number): void => {
    uncommented += text.slice(at, end);
    code += blank(text.slice(at, end));
    at = end;
  };
  const comment = (end: number): void => {
    uncommented += blank(text.slice(at, end));
    code += blank(text.slice(at, end));
    at = end;
  };
  const template = (): void => {
    const { end, opens } = endOfTemplateText(text, at + 1);
    literal(end);
    if (opens) substitutions.push(0);
  };

  while (at < text.length) {
    const char = text.charAt(at);
    const depth = substitutions.at(-1);
    if (text.startsWith("//", at)) {
      const end = text.indexOf("\n", at);
      comment(end < 0 ? text.length : end);
    } else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at + 2);
      comment(end < 0 ? text.length : end + 2);
    } else if (QUOTES.has(char)) literal(endOfQuoted(text, at));
    else if (char === "/" && BEFORE_REGEX.test(code.slice(-80))) literal(endOfRegex(text, at));
    else if (char === "`") template();
    else if (char === "}" && depth === 0) {
      substitutions.pop();
      template();
    } else {
      if (depth !== undefined && char === "{") substitutions[substitutions.length - 1] = depth + 1;
      if (depth !== undefined && char === "}") substitutions[substitutions.length - 1] = depth - 1;
      keep(at + 1);
    }
  }
  return { uncommented, code };
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;

const STATEMENT = /(?<![.\w$])(?:import|export)\b(?:[^"'`;=()]*?\bfrom\b)?\s*(["'])(.*?)\1/g;
const CALL = /(?<![.\w$])import\s*\(\s*(?:(["'])(.*?)\1)?/g;

/** Every import, re-export and `import()`; the specifier of an `import()` that computes it is "". */
export function importsOf(source: SourceText): readonly Import[] {
  const found: Import[] = [];
  for (const pattern of [STATEMENT, CALL]) {
    for (const match of source.uncommented.matchAll(pattern)) {
      const quoted = source.code.startsWith(" ", match.index);
      if (!quoted) {
        found.push({ specifier: match[2] ?? "", line: lineAt(source.uncommented, match.index) });
      }
    }
  }
  return found.sort((a, b) => a.line - b.line);
}
