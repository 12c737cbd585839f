import { O, parseAnnotation, parseStruct } from "../text/index.ts";
import { type Handlers, hasFlag, installResult, type SucceededCall } from "./handler.ts";
import type { FileAccess, FileNode } from "./open-file.ts";
import { descriptorPath } from "./paths.ts";
import { type ProcessFiles, textOf } from "./process-files.ts";

/** Where a call's arguments have what opening a file needs. */
type OpenArguments = { readonly dir?: number; readonly path: number; readonly flags: string | undefined };

const CREAT_FLAGS = "O_CREAT|O_WRONLY|O_TRUNC";

/** Calls that open a file by its path. */
export const OPEN_CALLS: Handlers = {
  open: (caller, call) => open(caller, call, { path: 0, flags: call.args[1] }),
  creat: (caller, call) => open(caller, call, { path: 0, flags: CREAT_FLAGS }),
  openat: (caller, call) => open(caller, call, { dir: 0, path: 1, flags: call.args[2] }),
  openat2: (caller, call) =>
    open(caller, call, { dir: 0, path: 1, flags: parseStruct(call.args[2] ?? "")?.get("flags") }),
};

function open(caller: ProcessFiles, call: SucceededCall, args: OpenArguments): void {
  const { flags } = args;
  const node = openedNode(caller, call, args);
  const access = accessOf(flags);
  if (hasFlag(flags, O, "O_DIRECTORY") && node.kind === "file") node.kind = "directory";
  if (access !== "path" && hasFlag(flags, O, "O_TRUNC")) node.size = 0;
  const file = caller.store.open({
    node,
    openedPath: textOf(call.args[args.path]) ?? node.path,
    access,
    append: hasFlag(flags, O, "O_APPEND"),
  });
  installResult(caller, call, file, hasFlag(flags, O, "O_CLOEXEC"));
}

function openedNode(
  caller: ProcessFiles,
  call: SucceededCall,
  { dir, path, flags }: OpenArguments,
): FileNode {
  const { store } = caller;
  const asked = caller.path(call, path, dir);
  const annotation = call.result.annotation;
  const known = annotation === undefined ? undefined : parseAnnotation(annotation);
  if (hasFlag(flags, O, "O_TMPFILE")) {
    // Such a file never had a name; maps print one made of its inode number.
    const name = known?.path ?? `${asked ?? ""}/#0`;
    return store.unnamed({ path: name, kind: store.kindOf(name), deleted: true, size: 0 });
  }
  if (known !== undefined && (known.path === undefined || known.deleted || known.device !== undefined)) {
    return store.annotated(known);
  }
  const fd = asked === undefined ? undefined : descriptorPath(asked);
  const reopened = fd === undefined ? undefined : caller.file(fd)?.node;
  if (reopened !== undefined) return reopened;
  const resolved = known?.path ?? (asked === undefined ? undefined : store.resolve(asked));
  if (resolved === undefined) return store.unnamed({ path: "", kind: "unknown" });
  const isNew = hasFlag(flags, O, "O_CREAT") && hasFlag(flags, O, "O_EXCL");
  return isNew ? store.create(resolved, 0) : store.named(resolved);
}

function accessOf(flags: string | undefined): FileAccess {
  if (hasFlag(flags, O, "O_PATH")) return "path";
  if (hasFlag(flags, O, "O_RDWR")) return "rw";
  return hasFlag(flags, O, "O_WRONLY") ? "w" : "r";
}
