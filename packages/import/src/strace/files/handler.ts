import {
  type CallValue,
  parseFd,
  parseList,
  parseNumber,
  type StraceCall,
  type SymbolTable,
} from "../text/index.ts";
import type { OpenFile } from "./open-file.ts";
import type { ProcessFiles } from "./process-files.ts";

export type SucceededCall = StraceCall & { readonly result: CallValue };

/** What a call that succeeded does to the files of its caller. */
export type Handler = (caller: ProcessFiles, call: SucceededCall) => void;

export type Handlers = Readonly<Record<string, Handler>>;

/** Whether an argument holds a flag, printed as a name or within a number. */
export function hasFlag(text: string | undefined, table: SymbolTable, name: string): boolean {
  if (text === undefined) return false;
  if (new RegExp(`\\b${name}\\b`).test(text)) return true;
  const [number, bits] = [parseNumber(text), table[name]];
  return number !== undefined && bits !== undefined && bits !== 0 && (number & bits) === bits;
}

/** The number of a descriptor argument, whatever is printed behind it. */
export function fdNumber(text: string | undefined): number | undefined {
  const fd = parseFd(text ?? "")?.fd;
  return fd === "AT_FDCWD" ? undefined : fd;
}

/** Enters the descriptor that a call returned. */
export function installResult(
  caller: ProcessFiles,
  call: SucceededCall,
  file: OpenFile,
  closeOnExec: boolean,
): void {
  const fd = call.result.value;
  if (fd !== undefined && fd >= 0) caller.install(fd, file, { closeOnExec, line: call.line });
}

/** Enters descriptors that a call wrote into a list: "[3, 4]", each perhaps with its annotation. */
export function installList(
  caller: ProcessFiles,
  call: SucceededCall,
  list: string | undefined,
  make: { readonly file: (fdText: string) => OpenFile; readonly closeOnExec: boolean },
): void {
  for (const text of parseList(list ?? "") ?? []) {
    const fd = fdNumber(text);
    if (fd === undefined) continue;
    caller.install(fd, make.file(text), { closeOnExec: make.closeOnExec, line: call.line });
  }
}
