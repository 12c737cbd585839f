import { parseFlags, parseNumber, parseStruct, S_IF } from "../text/index.ts";
import type { Handlers, SucceededCall } from "./handler.ts";
import { kindByMode } from "./kinds.ts";
import { type FileNode, growTo, type OpenFile } from "./open-file.ts";
import type { ProcessFiles } from "./process-files.ts";

/** Calls that tell or change how large a file is, and those that move the position where writes begin. */
export const SIZE_CALLS: Handlers = {
  fstat: (caller, call) => learn(caller.fileOf(call, 0), call.args[1]),
  fstat64: (caller, call) => learn(caller.fileOf(call, 0), call.args[1]),
  newfstatat: (caller, call) => statAt(caller, call, 2),
  fstatat64: (caller, call) => statAt(caller, call, 2),
  statx: (caller, call) => statAt(caller, call, 4),
  ftruncate: (caller, call) => resize(caller.fileOf(call, 0)?.node, call.args[1]),
  ftruncate64: (caller, call) => resize(caller.fileOf(call, 0)?.node, call.args[1]),
  truncate: (caller, call) => resize(nodeAt(caller, call), call.args[1]),
  truncate64: (caller, call) => resize(nodeAt(caller, call), call.args[1]),
  fallocate,
  read: (caller, call) => advance(caller.fileOf(call, 0), call.result.value),
  readv: (caller, call) => advance(caller.fileOf(call, 0), call.result.value),
  write: (caller, call) => write(caller.fileOf(call, 0), call.result.value),
  writev: (caller, call) => write(caller.fileOf(call, 0), call.result.value),
  pwrite64: pwrite,
  pwritev: pwrite,
  lseek,
  _llseek: (caller, call) => seek(caller.fileOf(call, 0), parseNumber(call.args[2]?.slice(1, -1) ?? "")),
  sendfile: (caller, call) => copy(caller, call, { from: 1, to: 0 }),
  sendfile64: (caller, call) => copy(caller, call, { from: 1, to: 0 }),
  copy_file_range: (caller, call) => copy(caller, call, { from: 0, to: 2 }),
  splice: (caller, call) => copy(caller, call, { from: 0, to: 2 }),
};

/** stat of a descriptor prints an empty path in front of the struct. */
function statAt(caller: ProcessFiles, call: SucceededCall, struct: number): void {
  if (call.args[1] === '""') learn(caller.fileOf(call, 0), call.args[struct]);
}

function learn(file: OpenFile | undefined, text: string | undefined): void {
  const members = parseStruct(text ?? "");
  if (file === undefined || members === undefined) return;
  const { node } = file;
  const number = (name: string): number | undefined => {
    const value = members.get(`st_${name}`) ?? members.get(`stx_${name}`);
    return value === undefined ? undefined : parseNumber(value);
  };
  const mode = parseFlags(members.get("st_mode") ?? members.get("stx_mode") ?? "", S_IF);
  if (mode !== undefined) node.kind = kindByMode(node.kind, mode);
  node.size = number("size") ?? node.size;
  node.inode = number("ino") ?? node.inode;
  node.device = deviceText(members) ?? node.device;
}

/** As maps print a device: two hex numbers of at least two digits. */
function deviceText(members: ReadonlyMap<string, string>): string | undefined {
  const [, makedevMajor, makedevMinor] = /^makedev\((\w+), (\w+)\)/.exec(members.get("st_dev") ?? "") ?? [];
  const major = parseNumber(makedevMajor ?? members.get("stx_dev_major") ?? "");
  const minor = parseNumber(makedevMinor ?? members.get("stx_dev_minor") ?? "");
  if (major === undefined || minor === undefined) return undefined;
  return [major, minor].map((n) => n.toString(16).padStart(2, "0")).join(":");
}

function resize(node: FileNode | undefined, text: string | undefined): void {
  const size = parseNumber(text ?? "");
  if (node !== undefined && size !== undefined) node.size = size;
}

function nodeAt(caller: ProcessFiles, call: SucceededCall): FileNode | undefined {
  const path = caller.path(call, 0);
  return path === undefined ? undefined : caller.store.names.at(caller.store.resolve(path));
}

function fallocate(caller: ProcessFiles, call: SucceededCall): void {
  const node = caller.fileOf(call, 0)?.node;
  const [, mode = "", offsetText = "", lengthText = ""] = call.args;
  const [offset, length] = [parseNumber(offsetText), parseNumber(lengthText)];
  if (node?.size === undefined || offset === undefined || length === undefined) return;
  if (/FALLOC_FL_COLLAPSE_RANGE/.test(mode)) node.size -= length;
  else if (/FALLOC_FL_INSERT_RANGE/.test(mode)) node.size += length;
  else if (!/FALLOC_FL_(?:KEEP_SIZE|PUNCH_HOLE)/.test(mode)) growTo(node, offset + length);
}

function lseek(caller: ProcessFiles, call: SucceededCall): void {
  const file = caller.fileOf(call, 0);
  const [, offset = "", whence] = call.args;
  const [from, to] = [parseNumber(offset), call.result.value];
  seek(file, to);
  // The distance from the end, and where it led to, tell how large the file is.
  if (file !== undefined && whence === "SEEK_END" && from !== undefined && to !== undefined) {
    file.node.size = to - from;
  }
}

function seek(file: OpenFile | undefined, position: number | undefined): void {
  if (file !== undefined) file.position = position;
}

function advance(file: OpenFile | undefined, bytes: number | undefined): void {
  if (file?.position === undefined) return;
  file.position = bytes === undefined ? undefined : file.position + bytes;
}

function write(file: OpenFile | undefined, bytes: number | undefined): void {
  if (file === undefined) return;
  if (file.append) file.position = file.node.size;
  advance(file, bytes);
  if (file.position === undefined) file.node.size = undefined;
  else growTo(file.node, file.position);
}

function pwrite(caller: ProcessFiles, call: SucceededCall): void {
  const file = caller.fileOf(call, 0);
  const offset = parseNumber(call.args[3] ?? "");
  if (file !== undefined && offset !== undefined) growTo(file.node, offset + (call.result.value ?? 0));
}

/** The kernel copies between two files; the offsets that it used may not show. */
function copy(
  caller: ProcessFiles,
  call: SucceededCall,
  at: { readonly from: number; readonly to: number },
): void {
  const to = caller.fileOf(call, at.to);
  seek(caller.fileOf(call, at.from), undefined);
  seek(to, undefined);
  if (to !== undefined) to.node.size = undefined;
}
