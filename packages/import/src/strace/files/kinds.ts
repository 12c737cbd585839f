/** What stands behind a descriptor, as far as mapping it differs. */
export type FileKind =
  /** On a disk: an ordinary file. */
  | "file"
  | "directory"
  | "pipe"
  | "socket"
  | "chardev"
  | "blockdev"
  /** `/dev/zero`: mapped privately it is anonymous memory with a name, shared it is a shmem object. */
  | "zero"
  /** On a tmpfs. */
  | "shmem"
  | "memfd"
  | "secretmem"
  | "hugetlb"
  | "proc"
  | "sysfs"
  /** Made by a call, without a file: eventfd, epoll, io_uring … */
  | "anon"
  /** The trace shows no more than that it is open. */
  | "unknown";

/**
 * Which file system a path is on: the longest entry decides, and without one it is a disk. An entry that ends
 * in "/" or ":" covers what begins with it, any other only itself.
 */
export type PathKinds = readonly (readonly [path: string, kind: FileKind])[];

export const DEFAULT_PATH_KINDS: PathKinds = [
  ["/proc/", "proc"],
  ["/sys/", "sysfs"],
  ["/dev/", "chardev"],
  ["/dev/zero", "zero"],
  ["/dev/shm/", "shmem"],
  ["/dev/hugepages/", "hugetlb"],
  ["/memfd:", "memfd"],
];

export function kindOfPath(path: string, kinds: PathKinds): FileKind {
  let best: readonly [string, FileKind] = ["", "file"];
  for (const entry of kinds) {
    const covers = /[/:]$/.test(entry[0]) ? path.startsWith(entry[0]) : path === entry[0];
    if (covers && entry[0].length > best[0].length) best = entry;
  }
  return best[1];
}

/** The kind of what -yy prints in place of a path: "pipe:[7]", "anon_inode:[eventfd]", "TCP:[…]". */
export function kindOfObject(object: string): FileKind {
  if (object.startsWith("pipe:")) return "pipe";
  if (object.startsWith("anon_inode:")) return "anon";
  return /^(?:socket|[A-Z][\w-]*):\[/.test(object) ? "socket" : "unknown";
}

/** The type bits of st_mode. */
const S_IFMT = 0o170000;

const KIND_BY_TYPE: ReadonlyMap<number, FileKind> = new Map([
  [0o140000, "socket"],
  [0o100000, "file"],
  [0o060000, "blockdev"],
  [0o040000, "directory"],
  [0o020000, "chardev"],
  [0o010000, "pipe"],
]);

/** What `stat` adds to a kind: a mode tells files, directories and devices apart, not file systems. */
export function kindByMode(known: FileKind, mode: number): FileKind {
  if (known !== "file" && known !== "unknown") return known;
  return KIND_BY_TYPE.get(mode & S_IFMT) ?? known;
}
