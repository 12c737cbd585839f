import type { Errno, ExecRequest, KernelState, Pid, ProgramFile, Request } from "@pagetrail/core";
import { joinPath, mapsPath } from "../files/index.ts";
import type { ShownFile, StraceCall } from "../text/index.ts";
import { type ExecCall, environmentBytes, readExecCall, totalBytes } from "./exec-call.ts";
import type { ExecHints } from "./exec-hints.ts";
import { guessProgram } from "./guess-program.ts";
import { inferLayout } from "./layout-inference.ts";
import type { FoundProgram, Programs } from "./programs.ts";

/** A successful exec as the model takes it, or why the model cannot follow it. */
export type TranslatedExec =
  | {
      readonly kind: "load";
      readonly path: string;
      readonly load: ExecRequest;
      readonly assumed: readonly string[];
      /** What the user should know about it. */
      readonly note?: string;
    }
  | { readonly kind: "foreign"; readonly why: string };

/** Where the task stood when it called exec. */
export interface ExecPlace {
  /** Its directory, "" while unknown. */
  readonly cwd: string;
  /** The program it ran, when known. */
  readonly self: string | undefined;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const COMM_LENGTH = 15;

/** Reads an exec, finds its program, and infers from what follows where the kernel put it. */
export function translateExec(
  state: KernelState,
  call: StraceCall,
  place: ExecPlace,
  programs: Programs,
  hints: ExecHints,
): TranslatedExec {
  const exec = readExecCall(call) ?? UNREADABLE;
  const path = exec.path === "/proc/self/exe" ? (place.self ?? exec.path) : joinPath(place.cwd, exec.path);
  const tid = (call.formerTid ?? call.tid) as Pid;
  const found = fitting(findProgram(programs, path, call.image?.program), path, hints);
  if (found.kind === "foreign")
    return { kind: "foreign", why: `${found.path} is a program for machine ${found.machine}` };
  const images =
    found.kind === "elf" ? found : guessed(path, programs, hints, state.tasks.get(tid)?.personality ?? 0);
  const environment = environmentBytes(exec);
  const args = scriptArguments(exec, found);
  const open: ExecRequest = {
    program: identified(images.program, call.image?.program),
    ...(images.interpreter ? { interpreter: identified(images.interpreter, call.image?.interpreter) } : {}),
    comm: baseName(exec.path).slice(0, COMM_LENGTH),
    sizes: { ...args, ...otherSizes(exec) },
    ...askedArguments(exec, found),
    randomized: false,
    choices: {},
  };
  const layout = inferLayout(state, tid, open, hints);
  const assumed = [
    ...layout.assumed,
    ...(exec.cut ? ["args"] : []),
    ...(environment.guessed ? ["env"] : []),
    ...(found.kind === "missing" ? ["program"] : []),
  ];
  const { randomized, choices } = layout;
  const note =
    found.kind === "missing"
      ? `the headers of ${found.path} were not to be had (${found.why}); its segments are guessed`
      : undefined;
  return {
    kind: "load",
    path: exec.path,
    load: { ...open, randomized, choices },
    assumed,
    ...(note === undefined ? {} : { note }),
  };
}

/** The program by its name, or where that is relative or gone by the file that was mapped. */
function findProgram(programs: Programs, path: string, mapped: ShownFile | undefined): FoundProgram {
  const named = programs.find(path);
  return named.kind === "missing" && mapped ? programs.find(mapped.path) : named;
}

/** A program with the device and inode that the recording shows of it. */
function identified({ file, image }: ProgramFile, shown: ShownFile | undefined): ProgramFile {
  const { device, inode } = shown ?? {};
  if (shown?.path !== file.path || device === undefined || inode === undefined) return { file, image };
  return { file: { ...file, device, inode }, image };
}
/** What follows from the files and the arguments of an exec, rather than from rights or from memory. */
const DECIDED_BY_FILES: ReadonlySet<string> = new Set<Errno>([
  "ENOEXEC",
  "ELIBBAD",
  "ELOOP",
  "EINVAL",
  "E2BIG",
]);

/**
 * A failed exec of files that are known, so that the model can say by itself how it ends; undefined where what a
 * trace does not show may have decided it.
 */
export function translateFailedExec(
  call: StraceCall,
  errno: string,
  place: ExecPlace,
  programs: Programs,
): (Request & { readonly call: "execve" }) | undefined {
  const exec = readExecCall(call);
  if (!exec || !DECIDED_BY_FILES.has(errno)) return undefined;
  const environment = environmentBytes(exec);
  if (errno === "E2BIG" && (exec.cut || environment.guessed)) return undefined;
  const { path } = exec;
  const found = programs.search(joinPath(place.cwd, path));
  if (found.kind === "elf") {
    const { program, interpreter } = found;
    const load: ExecRequest = {
      program,
      ...(interpreter ? { interpreter } : {}),
      comm: baseName(path).slice(0, COMM_LENGTH),
      sizes: { ...scriptArguments(exec, found), ...otherSizes(exec) },
      ...askedArguments(exec, found),
      randomized: false,
      choices: {},
    };
    return { call: "execve", path, load };
  }
  if (found.at === "open") return undefined;
  const sizes = { argc: exec.args.length, argBytes: totalBytes(exec.args), ...otherSizes(exec) };
  return { call: "execve", path, refused: { errno: found.errno, why: found.why, at: found.at, sizes } };
}

/** What an exec copies besides its arguments. */
const otherSizes = (exec: ExecCall) => ({
  envc: exec.envc,
  envBytes: environmentBytes(exec).bytes,
  nameBytes: exec.path.length + 1,
});

/** The count of a script's own arguments. */
const askedArguments = (exec: ExecCall, found: FoundProgram): { readonly argcAsked?: number } =>
  found.kind === "elf" && found.prepended.length > 0 ? { argcAsked: exec.args.length } : {};

const UNREADABLE: ExecCall = {
  path: "",
  directory: undefined,
  args: [],
  envc: 0,
  env: undefined,
  counted: true,
  cut: true,
};

/** What makes 32-bit calls is no 64-bit program, whatever the file is by now. */
function fitting(found: FoundProgram, path: string, hints: ExecHints): FoundProgram {
  if (found.kind !== "elf" || !hints.looks32 || found.program.image.class === 32) return found;
  return { kind: "missing", path, why: "the program that ran was a 32-bit one" };
}

function guessed(
  path: string,
  programs: Programs,
  hints: ExecHints,
  personality: number,
): { readonly program: ProgramFile; readonly interpreter?: ProgramFile } {
  const program = guessProgram(mapsPath(path), hints, personality);
  const { interp } = program.image;
  const loader = interp === undefined ? undefined : programs.loader(interp);
  return loader ? { program, interpreter: loader } : { program };
}

/** Counts and bytes of the arguments: a script's interpreter puts its own before them. */
function scriptArguments(
  exec: ExecCall,
  found: FoundProgram,
): { readonly argc: number; readonly argBytes: number } {
  const own = { argc: exec.args.length, argBytes: totalBytes(exec.args) };
  if (found.kind !== "elf" || found.prepended.length === 0) return own;
  const [first] = exec.args;
  const replaced = first ? totalBytes([first]) : 0;
  const added = found.prepended.reduce((n, s) => n + s.length + 1, 0);
  return {
    argc: own.argc - (first ? 1 : 0) + found.prepended.length,
    argBytes: own.argBytes - replaced + added,
  };
}
