import { CLOSE_RANGE, F, F_SEAL, FD, O, parseNumber, type StraceCall } from "../text/index.ts";
import { fdNumber, type Handlers, hasFlag, installResult, type SucceededCall } from "./handler.ts";
import type { OpenFile, Seal } from "./open-file.ts";
import type { ProcessFiles } from "./process-files.ts";

/** Calls on descriptors that exist. */
export const FD_CALLS: Handlers = {
  close_range: closeRange,
  dup: (caller, call) => duplicate(caller, call, false),
  dup2: (caller, call) => duplicate(caller, call, false),
  dup3: (caller, call) => duplicate(caller, call, hasFlag(call.args[2], O, "O_CLOEXEC")),
  fcntl,
  fcntl64: fcntl,
  ioctl: (caller, call) => {
    if (call.args[1] === "FIOCLEX") setCloseOnExec(caller, call.args[0], true);
    if (call.args[1] === "FIONCLEX") setCloseOnExec(caller, call.args[0], false);
  },
  unshare: (caller, call) => {
    if (/\bCLONE_FILES\b/.test(call.args[0] ?? "")) caller.unshareTable();
    if (/\bCLONE_FS\b/.test(call.args[0] ?? "")) caller.unshareFs();
  },
};

/** Also for a close that failed: whatever its error but EBADF, the descriptor is gone. */
export function close(caller: ProcessFiles, call: StraceCall): void {
  const fd = fdNumber(call.args[0]);
  // A thread that was given the same number while this call was under way has closed it in passing.
  if (fd !== undefined && (caller.table.slot(fd)?.line ?? 0) <= call.startLine) caller.table.remove(fd);
}

function closeRange(caller: ProcessFiles, call: SucceededCall): void {
  const first = parseNumber(call.args[0] ?? "");
  const last = parseNumber(call.args[1] ?? "");
  if (first === undefined || last === undefined) return;
  if (hasFlag(call.args[2], CLOSE_RANGE, "CLOSE_RANGE_UNSHARE")) caller.unshareTable();
  const onlyMark = hasFlag(call.args[2], CLOSE_RANGE, "CLOSE_RANGE_CLOEXEC");
  for (const [fd, slot] of caller.table.range(first, last)) {
    if (onlyMark) slot.closeOnExec = true;
    else if (slot.line <= call.startLine) caller.table.remove(fd);
  }
}

/** dup2 of a descriptor onto itself changes nothing. */
function duplicate(caller: ProcessFiles, call: SucceededCall, closeOnExec: boolean): void {
  if (fdNumber(call.args[0]) !== call.result.value) installSame(caller, call, closeOnExec);
}

/** The result leads to the same open file as the first argument. */
function installSame(caller: ProcessFiles, call: SucceededCall, closeOnExec = false): void {
  const file = caller.fileOf(call, 0);
  if (file !== undefined) installResult(caller, call, file, closeOnExec);
  else if (call.result.value !== undefined) caller.table.remove(call.result.value);
}

function fcntl(caller: ProcessFiles, call: SucceededCall): void {
  const [fd, command, argument] = call.args;
  const is = (name: string): boolean => command === name || parseNumber(command ?? "") === F[name];
  if (is("F_DUPFD")) installSame(caller, call);
  else if (is("F_DUPFD_CLOEXEC")) installSame(caller, call, true);
  else if (is("F_SETFD")) setCloseOnExec(caller, fd, hasFlag(argument, FD, "FD_CLOEXEC"));
  else if (is("F_ADD_SEALS")) addSeals(caller.fileOf(call, 0), argument);
}

function setCloseOnExec(caller: ProcessFiles, fdText: string | undefined, on: boolean): void {
  const fd = fdNumber(fdText);
  const slot = fd === undefined ? undefined : caller.table.slot(fd);
  if (slot !== undefined) slot.closeOnExec = on;
}

const SEALS: readonly Seal[] = ["SEAL", "SHRINK", "GROW", "WRITE", "FUTURE_WRITE", "EXEC"];

function addSeals(file: OpenFile | undefined, argument: string | undefined): void {
  if (file === undefined) return;
  const had = file.node.seals ?? [];
  file.node.seals = SEALS.filter((seal) => had.includes(seal) || hasFlag(argument, F_SEAL, `F_SEAL_${seal}`));
}
