import { MFD, O, parseFd } from "../text/index.ts";
import type { NewNode, OpenRequest } from "./file-store.ts";
import {
  type Handler,
  type Handlers,
  hasFlag,
  installList,
  installResult,
  type SucceededCall,
} from "./handler.ts";
import type { FileKind } from "./kinds.ts";
import type { OpenFile } from "./open-file.ts";
import { type ProcessFiles, textOf } from "./process-files.ts";

/** Calls that open what has no path: pipes, sockets, memory files, and what the kernel calls anonymous inodes. */
export const OBJECT_CALLS: Handlers = {
  pipe: pair("pipe", 0),
  pipe2: pair("pipe", 0),
  socketpair: pair("socket", 3),
  socket: object("socket", "socket"),
  accept: object("socket", "socket"),
  accept4: object("socket", "socket"),
  eventfd: object("anon", "anon_inode:[eventfd]"),
  eventfd2: object("anon", "anon_inode:[eventfd]"),
  epoll_create: object("anon", "anon_inode:[eventpoll]"),
  epoll_create1: object("anon", "anon_inode:[eventpoll]"),
  inotify_init: object("anon", "anon_inode:inotify"),
  inotify_init1: object("anon", "anon_inode:inotify"),
  fanotify_init: object("anon", "anon_inode:[fanotify]"),
  timerfd_create: object("anon", "anon_inode:[timerfd]"),
  userfaultfd: object("anon", "anon_inode:[userfaultfd]"),
  perf_event_open: object("anon", "anon_inode:[perf_event]"),
  io_uring_setup: object("anon", "anon_inode:[io_uring]", { alwaysCloseOnExec: true }),
  pidfd_open: object("anon", "anon_inode:[pidfd]", { alwaysCloseOnExec: true }),
  signalfd,
  signalfd4: signalfd,
  memfd_create: memfdCreate,
  memfd_secret: object("secretmem", "/secretmem", { deleted: true }),
  recvmsg: receive,
  recvmmsg: receive,
  recvmmsg_time64: receive,
  pidfd_getfd: (caller, call) =>
    installResult(caller, call, caller.store.open(received(caller, call.result.text)), true),
};

/** A fresh object behind the descriptor that the call returns; some argument holds its close-on-exec flag. */
function object(kind: FileKind, path: string, { alwaysCloseOnExec = false, deleted = false } = {}): Handler {
  return (caller, call) => {
    const closeOnExec = alwaysCloseOnExec || call.args.some(hasCloseOnExec);
    installResult(caller, call, openNew(caller, { path, kind, deleted }), closeOnExec);
  };
}

function pair(kind: FileKind, index: number): Handler {
  return (caller, call) => {
    const closeOnExec = call.args.some(hasCloseOnExec);
    installList(caller, call, call.args[index], {
      file: () => openNew(caller, { path: kind, kind }),
      closeOnExec,
    });
  };
}

const newSignalfd = object("anon", "anon_inode:[signalfd]");

/** Changes an existing descriptor unless it is -1. */
function signalfd(caller: ProcessFiles, call: SucceededCall): void {
  if (call.args[0] === "-1") newSignalfd(caller, call);
}

function memfdCreate(caller: ProcessFiles, call: SucceededCall): void {
  const [name, flags] = call.args;
  const sealable = hasFlag(flags, MFD, "MFD_ALLOW_SEALING") || hasFlag(flags, MFD, "MFD_NOEXEC_SEAL");
  const file = openNew(caller, {
    path: `/memfd:${textOf(name) ?? ""}`,
    kind: hasFlag(flags, MFD, "MFD_HUGETLB") ? "hugetlb" : "memfd",
    deleted: true,
    size: 0,
    seals: sealable ? (hasFlag(flags, MFD, "MFD_NOEXEC_SEAL") ? ["EXEC"] : []) : ["SEAL"],
  });
  installResult(caller, call, file, hasFlag(flags, MFD, "MFD_CLOEXEC"));
}

const openNew = (caller: ProcessFiles, node: NewNode): OpenFile =>
  caller.store.open({ node: caller.store.unnamed(node), access: "rw" });

/** Descriptors that another process sent (SCM_RIGHTS). */
function receive(caller: ProcessFiles, call: SucceededCall): void {
  const closeOnExec = call.args.some((text) => /\bMSG_CMSG_CLOEXEC\b/.test(text));
  for (const text of call.args) {
    for (const { index } of text.matchAll(/cmsg_type=SCM_RIGHTS, cmsg_data=/g)) {
      const list = text.slice(text.indexOf("cmsg_data=", index) + "cmsg_data=".length);
      installList(caller, call, list, { file: (fd) => caller.store.open(received(caller, fd)), closeOnExec });
    }
  }
}

/** A file that another process opened: only -y says which. */
function received(caller: ProcessFiles, fdText: string): OpenRequest {
  return { node: caller.store.annotated(parseFd(fdText) ?? {}) };
}

/** SOCK_CLOEXEC, EFD_CLOEXEC and their like all have the value of O_CLOEXEC. */
const hasCloseOnExec = (text: string): boolean =>
  /_CLOEXEC\b/.test(text) || (/^(?:0x[0-9a-f]+|\d+)$/.test(text) && hasFlag(text, O, "O_CLOEXEC"));
