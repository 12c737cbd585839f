import { Argument, type Command, type Option } from "commander";
import type { Output } from "../output.ts";
import { example } from "./options.ts";

/** The command that prints a script with which a shell completes the others. */
export function addCompletion(program: Command, out: Output): void {
  program
    .command("completion")
    .description("print a script with which a shell completes commands, options, choices and files")
    .addArgument(new Argument("<shell>", "whose script").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `${example("completion bash > ~/.local/share/bash-completion/completions/pagetrail\ncompletion fish > ~/.config/fish/completions/pagetrail.fish")}
  source <(pagetrail completion zsh)     # in ~/.zshrc, behind compinit`,
    )
    .action((shell: string) => {
      const commands = describeAll(program, "");
      out.write(shell === "fish" ? fishScript(commands) : bashScript(commands, shell === "zsh"));
    });
}

/** A command as a shell sees it; `path` is "" for the program itself, else such as `import strace`. */
interface Described {
  readonly path: string;
  readonly what: string;
  readonly below: readonly Described[];
  readonly options: readonly DescribedOption[];
  /** What its arguments may be, where that is known. */
  readonly words: readonly string[];
}

interface DescribedOption {
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly what: string;
  readonly takesValue: boolean;
  /** What the value may be, where that is known; a file otherwise. */
  readonly values: readonly string[];
}

const POSITIONS = ["start", "end", "50%"];

/** The command and all below it, itself first. */
function describeAll(command: Command, path: string): readonly Described[] {
  const help = command.createHelp();
  const below = help
    .visibleCommands(command)
    .filter((one) => one.name() !== "help")
    .map((one) => describeAll(one, path === "" ? one.name() : `${path} ${one.name()}`));
  const words = command.registeredArguments.flatMap(
    (one) => one.argChoices ?? (one.name() === "pos" ? POSITIONS : []),
  );
  const own: Described = {
    path,
    what: command.description(),
    below: below.flatMap(([first]) => first ?? []),
    options: help.visibleOptions(command).map(describeOption),
    words,
  };
  return [own, ...below.flat()];
}

const describeOption = ({ short, long, description, required, optional, flags, argChoices }: Option) => ({
  short,
  long,
  what: description,
  takesValue: required || optional,
  values: argChoices ?? (flags.includes("<pos>") ? POSITIONS : []),
});

const spellings = ({ short, long }: DescribedOption): readonly string[] =>
  [short, long].filter((one) => one !== undefined);

const lastWord = (path: string): string => path.slice(path.lastIndexOf(" ") + 1);

/** For bash; zsh runs the same behind `bashcompinit`. */
function bashScript(commands: readonly Described[], zsh: boolean): string {
  const words = commands.map(({ path, below, options, words: own }) => {
    const all = [...below.map((one) => lastWord(one.path)), ...own, ...options.flatMap(spellings)];
    return `    "${path}") words="${all.join(" ")}" ;;`;
  });
  const values = commands.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map((option) => {
        const cases = spellings(option).map((one) => `"${path} ${one}"`);
        return `    ${cases.join("|")}) words="${option.values.join(" ")}" ;;`;
      }),
  );
  const valued = commands[0]?.options.filter(({ takesValue }) => takesValue).flatMap(spellings) ?? [];
  const parents = commands.filter(({ below }) => below.length > 0).map(({ path }) => `"${path}"`);
  return `${zsh ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}_pagetrail() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in -*) continue ;; esac
    case "\${COMP_WORDS[i-1]}" in ${valued.join("|")}) continue ;; esac
    case "$command" in ${parents.join("|")}) command="\${command:+$command }\${COMP_WORDS[i]}" ;; esac
  done
  case "$command" in
${words.join("\n")}
  esac
  case "$command $previous" in
${values.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _pagetrail pagetrail
`;
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;

function fishScript(commands: readonly Described[]): string {
  return `${commands.flatMap(fishLines).join("\n")}\n`;
}

function fishLines({ path, below, options, words }: Described): readonly string[] {
  const there = path.split(" ").filter((word) => word !== "");
  const seen = there.map((word) => `__fish_seen_subcommand_from ${word}`);
  const none = below.map((one) => lastWord(one.path)).join(" ");
  const when = (more: readonly string[]): string => {
    const all = [...seen, ...more];
    return all.length === 0 ? "" : ` -n ${quoted(all.join("; and "))}`;
  };
  const here = when(below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${none}`]);
  return [
    ...below.map((one) => `complete -c pagetrail -f${here} -a ${lastWord(one.path)} -d ${quoted(one.what)}`),
    ...words.map((word) => `complete -c pagetrail${here} -a ${quoted(word)}`),
    ...options.map(({ short, long, what, takesValue, values }) => {
      const names = `${short ? ` -s ${short.slice(1)}` : ""}${long ? ` -l ${long.slice(2)}` : ""}`;
      const value = values.length > 0 ? ` -x -a ${quoted(values.join(" "))}` : takesValue ? " -r" : "";
      return `complete -c pagetrail${here}${names}${value} -d ${quoted(what)}`;
    }),
  ];
}
