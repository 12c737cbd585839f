/** A command that a page shows, and what it shows as printed. */
export interface Shown {
  readonly command: string;
  /** Lines; `…` alone stands for any, at the end of one for the rest of it. */
  readonly output: readonly string[];
}

/** The commands behind `$ ` in the console blocks of a page, in order. */
export function sessionOf(text: string): readonly Shown[] {
  const blocks = [...text.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...output] = part
          .replaceAll(/\\\n\s*/g, "")
          .trimEnd()
          .split("\n");
        return { command, output };
      }),
  );
}

/** Whether the lines, without spaces at their ends, are those that are shown; what is left out may be anything. */
export function isShown(shown: readonly string[], printed: readonly string[]): boolean {
  const [line, ...rest] = shown;
  if (line === undefined) return printed.length === 0;
  if (line === "…") {
    for (let skipped = 0; skipped <= printed.length; skipped++)
      if (isShown(rest, printed.slice(skipped))) return true;
    return false;
  }
  const [next, ...more] = printed;
  if (next === undefined) return false;
  const isEqual = line.endsWith("…") ? next.startsWith(line.slice(0, -1)) : next === line.trimEnd();
  return isEqual && isShown(rest, more);
}

/** Why a command is not run here; undefined for one that is. */
export function whyNotRun(command: string): string | undefined {
  if (/^(?:pagetrail|printf) /.test(command)) {
    if (/^pagetrail (?:record|check) /.test(command)) return "asks the machine";
    return /\bcapture\./.test(command) ? "needs a recording" : undefined;
  }
  return /^(?:cc|strace|perf|bpftrace|npx) /.test(command)
    ? "is another program's"
    : "is of no known program";
}
