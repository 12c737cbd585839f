import { BAD_FILE, type FileId, type FileKind, fileId, type OpenFile, type Request } from "@pagetrail/core";
import type { Session } from "../session.ts";
import type { SystemFiles } from "../sink.ts";
import type { Tally } from "../tally.ts";
import {
  DEFAULT_PATH_KINDS,
  Descriptors,
  kindOfPath,
  mapsPath,
  type NameChange,
  type OpenFileInfo,
  type FileKind as TracedKind,
} from "./files/index.ts";
import { parseFd, type ShownFile, type StraceCall } from "./text/index.ts";

const KINDS: Readonly<Record<TracedKind, FileKind>> = {
  file: "disk",
  unknown: "disk",
  blockdev: "disk",
  directory: "unmappable",
  pipe: "unmappable",
  socket: "unmappable",
  zero: "zero",
  shmem: "shmem",
  memfd: "shmem",
  secretmem: "secret",
  hugetlb: "hugetlb",
  chardev: "plain",
  proc: "plain",
  sysfs: "plain",
  anon: "plain",
};

const DELETED = " (deleted)";

/** Ids of files whose opening the trace does not show begin here. */
const UNSEEN_FILES = 2 ** 30;

/** The files behind the descriptors of a trace, made known to the model when a mapping names them. */
export class OpenFiles {
  readonly descriptors: Descriptors;
  readonly #changes: NameChange[] = [];
  #unseen = UNSEEN_FILES;
  readonly #shown = new Map<string, FileId>();

  constructor(
    system: SystemFiles,
    private readonly session: Session,
    private readonly tally: Tally,
  ) {
    this.descriptors = new Descriptors({
      resolve: (path) => system.realpath(path),
      onNameChange: (change) => this.#changes.push(change),
    });
  }

  /** Follows a call, and answers how it changed the names of files. */
  observe(call: StraceCall): readonly NameChange[] {
    this.#changes.length = 0;
    this.descriptors.observe(call);
    return [...this.#changes];
  }

  /** The file id behind a descriptor argument of mmap, known to the model from now on. */
  idOf(call: StraceCall, argument: string): number {
    if (call.mapped) return this.shown(call.tid, call.mapped);
    const parsed = parseFd(argument);
    if (!parsed || typeof parsed.fd !== "number" || parsed.fd < 0) return BAD_FILE;
    const { fd, ...annotation } = parsed;
    const info = this.descriptors.lookup(call.tid, fd, annotation);
    if (info && info.kind !== "unknown") return this.#define(call.tid, openFile(info));
    if (call.result.kind === "error" && call.result.errno === "EBADF") return BAD_FILE;
    this.tally.note("a mapping of a descriptor whose opening the trace does not show");
    return this.#define(call.tid, unseenFile(fileId(this.#unseen++), fd));
  }

  /** The id of a file that is known by its mappings alone. */
  shown(tid: number, { path, device, inode }: ShownFile): FileId {
    const key = `${device} ${inode} ${path}`;
    const id = this.#shown.get(key) ?? fileId(this.#unseen++);
    this.#shown.set(key, id);
    const identity = {
      ...(device === undefined ? {} : { device }),
      ...(inode === undefined ? {} : { inode }),
    };
    const deleted = path.endsWith(DELETED);
    const name = mapsPath(deleted ? path.slice(0, -DELETED.length) : path);
    return this.#define(tid, {
      ...unseenFile(id, -1),
      kind: KINDS[kindOfPath(name, DEFAULT_PATH_KINDS)],
      path: name,
      deleted,
      ...identity,
    });
  }

  #define(tid: number, file: OpenFile): FileId {
    const known = this.session.state.files.get(file.id)?.file;
    const same = known && known.deleted === file.deleted && known.writeSealed === file.writeSealed;
    if (!same) this.session.emit(tid, { call: "file", file });
    return file.id;
  }
}

function openFile(info: OpenFileInfo): OpenFile {
  const { access, device, inode, size, seals } = info;
  const sealed = seals?.some((s) => s === "WRITE" || s === "FUTURE_WRITE") ?? false;
  return {
    id: fileId(info.id),
    path: mapsPath(info.path || info.openedPath),
    kind: KINDS[info.kind],
    readable: access === undefined || access === "r" || access === "rw",
    writable: access === undefined || access === "w" || access === "rw",
    deleted: info.deleted || info.kind === "memfd",
    ...(device === undefined ? {} : { device }),
    ...(inode === undefined ? {} : { inode }),
    ...(size === undefined ? {} : { size }),
    ...(sealed ? { writeSealed: true } : {}),
    ...(info.kind === "secretmem" ? { noexec: true } : {}),
  };
}

const unseenFile = (id: FileId, fd: number): OpenFile => ({
  id,
  path: mapsPath(`descriptor ${fd}`),
  kind: "disk",
  readable: true,
  writable: true,
  deleted: false,
});

/** What a change of names is for the model's open files; undefined for an exchange, which it does not follow. */
export function nameRequest(change: NameChange): Request | undefined {
  switch (change.kind) {
    case "unlinked":
      return { call: "unlink", path: change.path };
    case "renamed":
      return { call: "rename", from: change.from, to: change.to };
    case "exchanged":
      return undefined;
  }
}
