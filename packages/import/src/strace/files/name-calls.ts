import type { Handlers, SucceededCall } from "./handler.ts";
import { type ProcessFiles, textOf } from "./process-files.ts";

/** Where a call's arguments have the two paths of a rename. */
type RenameArguments = {
  readonly from: number;
  readonly to: number;
  readonly fromDir?: number;
  readonly toDir?: number;
};

/** Calls that take a file's name away or change it, and those that change where relative paths begin. */
export const NAME_CALLS: Handlers = {
  unlink: (caller, call) => unlink(caller, call, 0),
  rmdir: (caller, call) => unlink(caller, call, 0),
  unlinkat: (caller, call) => unlink(caller, call, 1, 0),
  rename: (caller, call) => rename(caller, call, { from: 0, to: 1 }),
  renameat: (caller, call) => rename(caller, call, { fromDir: 0, from: 1, toDir: 2, to: 3 }),
  renameat2: (caller, call) => rename(caller, call, { fromDir: 0, from: 1, toDir: 2, to: 3 }),
  chdir: (caller, call) => {
    const path = caller.path(call, 0);
    if (path !== undefined) caller.fs.cwd = caller.store.resolve(path);
  },
  fchdir: (caller, call) => {
    caller.fs.cwd = caller.fileOf(call, 0)?.node.path ?? "";
  },
  getcwd: (caller, call) => {
    const path = textOf(call.args[0]);
    if (path?.startsWith("/")) caller.fs.cwd = path;
  },
};

function unlink(caller: ProcessFiles, call: SucceededCall, index: number, dir?: number): void {
  const path = caller.path(call, index, dir);
  if (path !== undefined) caller.store.unlink(caller.store.resolveParent(path));
}

function rename(
  caller: ProcessFiles,
  call: SucceededCall,
  { from, to, fromDir, toDir }: RenameArguments,
): void {
  const paths = [caller.path(call, from, fromDir), caller.path(call, to, toDir)];
  const [old, next] = paths.map((path) =>
    path === undefined ? undefined : caller.store.resolveParent(path),
  );
  if (old === undefined || next === undefined || old === next) return;
  if (/\bRENAME_EXCHANGE\b/.test(call.args[4] ?? "")) caller.store.exchange(old, next);
  else caller.store.rename(old, next);
}
