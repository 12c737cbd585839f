/** When output is coloured; `auto` where a person reads it. */
export type ColorChoice = "auto" | "always" | "never";

/** Ways to set a word apart; on plain output each gives the text as it is. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly added: (text: string) => string;
  readonly removed: (text: string) => string;
  readonly changed: (text: string) => string;
}

const same = (text: string): string => text;
const sgr =
  (code: number) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`;

export const PLAIN: Style = { bold: same, dim: same, added: same, removed: same, changed: same };
const COLOURED: Style = { bold: sgr(1), dim: sgr(2), added: sgr(32), removed: sgr(31), changed: sgr(33) };

/** The style for a stream. A choice on the command line outweighs NO_COLOR. */
export function styleFor(
  choice: ColorChoice,
  stream: { readonly isTTY: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  if (choice !== "auto") return choice === "always" ? COLOURED : PLAIN;
  const wanted = stream.isTTY && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
  return wanted ? COLOURED : PLAIN;
}
