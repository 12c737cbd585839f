import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FdText, parseFd, type StraceCall, StraceReader } from "../text/index.ts";
import { Descriptors, type DescriptorsOptions } from "./descriptors.ts";
import type { NameChange } from "./names.ts";
import type { OpenFileInfo } from "./open-file.ts";

/** Descriptors that have observed the calls of a trace, in the order in which these return. */
function after(lines: readonly string[], options: DescriptorsOptions = {}): Descriptors {
  const descriptors = new Descriptors(options);
  for (const call of callsOf(lines)) descriptors.observe(call);
  return descriptors;
}

function callsOf(lines: readonly string[]): readonly StraceCall[] {
  const reader = new StraceReader();
  const records = [...reader.push(lines.map((line) => `${line}\n`).join("")), ...reader.end()];
  return records.filter((record) => record.kind === "call");
}

const annotation = (text: string): Omit<FdText, "fd"> => parseFd(text) ?? {};

const OPEN_A = '7 openat(AT_FDCWD, "/tmp/a", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 3';

describe("opening", () => {
  test("tells path, access and kind", () => {
    expect(after([OPEN_A]).lookup(7, 3)).toEqual({
      id: expect.any(Number),
      path: "/tmp/a",
      openedPath: "/tmp/a",
      access: "rw",
      kind: "file",
      size: 0,
      deleted: false,
    });
  });

  test.each([
    ['open("/a", O_RDONLY) = 3', { path: "/a", access: "r" }],
    ['open("/a", 0x80001) = 3', { path: "/a", access: "w" }],
    ['creat("/a", 0600) = 3', { path: "/a", access: "w", size: 0 }],
    ['openat2(AT_FDCWD, "/a", {flags=O_RDONLY|O_PATH, resolve=0}, 24) = 3', { access: "path" }],
    ['openat(AT_FDCWD, "/d", O_RDONLY|O_DIRECTORY) = 3', { kind: "directory" }],
    ['openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE, 0600) = 3', { path: "/tmp/#0", deleted: true, size: 0 }],
    ['openat(AT_FDCWD, "/dev/zero", O_RDWR) = 3', { kind: "zero" }],
    ['openat(AT_FDCWD, "/dev/null", O_RDWR) = 3', { kind: "chardev" }],
    ['openat(AT_FDCWD, "/dev/shm/x", O_RDWR) = 3', { kind: "shmem" }],
    ['openat(AT_FDCWD, "/proc/self/maps", O_RDONLY) = 3', { kind: "proc", path: "/proc/self/maps" }],
    ['memfd_create("x", MFD_CLOEXEC) = 3', { path: "/memfd:x", kind: "memfd", size: 0, seals: ["SEAL"] }],
    ['memfd_create("x", MFD_HUGETLB|21<<MFD_HUGE_SHIFT) = 3', { kind: "hugetlb" }],
    ["memfd_secret(0) = 3", { path: "/secretmem", deleted: true }],
    ["pipe([3, 4]) = 0", { kind: "pipe" }],
    ["pipe2([3<pipe:[9]>, 4<pipe:[9]>], O_CLOEXEC) = 0", { kind: "pipe" }],
    ["socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0", { kind: "socket" }],
    ["epoll_create1(EPOLL_CLOEXEC) = 3", { kind: "anon", path: "anon_inode:[eventpoll]" }],
    ["signalfd4(-1, [INT], 8, 0) = 3", { path: "anon_inode:[signalfd]" }],
    ["pidfd_getfd(5, 9, 0) = 3</tmp/x>", { path: "/tmp/x" }],
    ["pidfd_getfd(5, 9, 0) = 3", { path: "", kind: "unknown" }],
    [
      "recvmsg(5, {msg_name=NULL, msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[3</tmp/x>]}], msg_flags=0}, 0) = 1",
      { path: "/tmp/x" },
    ],
  ])("%s", (call, expected) => {
    expect(after([`7 ${call}`]).lookup(7, 3)).toMatchObject(expected);
  });

  test("a call that failed opens nothing", () => {
    const failed = '7 openat(AT_FDCWD, "/a", O_RDONLY) = -1 ENOENT (No such file or directory)';
    expect(after([failed]).lookup(7, 3)).toBeUndefined();
  });

  test("a second open of a file is another open file, of the same size", () => {
    const d = after([OPEN_A, '7 open("/tmp/a", O_RDWR) = 4', "7 ftruncate(3, 8192) = 0"]);
    expect(d.lookup(7, 4)?.id).not.toBe(d.lookup(7, 3)?.id);
    expect(d.lookup(7, 4)?.size).toBe(8192);
  });

  test("through /proc/self/fd opens the same file again", () => {
    const d = after(['7 memfd_create("x", 0) = 3', '7 open("/proc/self/fd/3", O_RDONLY) = 4']);
    expect(d.lookup(7, 4)).toMatchObject({ path: "/memfd:x", kind: "memfd", access: "r" });
    expect(d.lookup(7, 4)?.id).not.toBe(d.lookup(7, 3)?.id);
  });
});

describe("paths", () => {
  test("relative ones begin at the directory that the trace shows", () => {
    const d = after([
      '7 open("x", O_RDONLY) = 3',
      '7 chdir("/srv/data") = 0',
      '7 open("../x", O_RDONLY) = 4',
      '7 open("/etc", O_RDONLY|O_DIRECTORY) = 5',
      '7 openat(5, "passwd", O_RDONLY) = 6',
      "7 fchdir(5) = 0",
      '7 open("./fstab", O_RDONLY) = 7',
    ]);
    expect([3, 4, 6, 7].map((fd) => d.lookup(7, fd)?.path)).toEqual([
      "x",
      "/srv/x",
      "/etc/passwd",
      "/etc/fstab",
    ]);
  });

  test("the directory is known from the caller, from getcwd and from -y", () => {
    expect(after(['7 open("x", O_RDONLY) = 3'], { cwd: "/c" }).lookup(7, 3)?.path).toBe("/c/x");
    const d = after([
      '7 getcwd("/g", 4096) = 3',
      '7 open("x", O_RDONLY) = 3',
      '7 unlinkat(AT_FDCWD</y>, "z", 0) = 0',
      '7 open("x", O_RDONLY) = 4',
    ]);
    expect([3, 4].map((fd) => d.lookup(7, fd)?.path)).toEqual(["/g/x", "/y/x"]);
  });

  test("are resolved on the machine, a new file's by its directory, those of /proc not at all", () => {
    const links: Readonly<Record<string, string>> = { "/lib/c": "/usr/lib/c-2.36", "/lib": "/usr/lib" };
    const d = after(
      [
        '7 open("/lib/c", O_RDONLY) = 3',
        '7 open("/lib/new", O_RDWR|O_CREAT) = 4',
        '7 open("/proc/self/maps", O_RDONLY) = 5',
      ],
      { resolve: (path) => (path.startsWith("/proc") ? "/proc/1/maps" : links[path]) },
    );
    expect(d.lookup(7, 3)).toMatchObject({ path: "/usr/lib/c-2.36", openedPath: "/lib/c" });
    expect([4, 5].map((fd) => d.lookup(7, fd)?.path)).toEqual(["/usr/lib/new", "/proc/self/maps"]);
  });

  test("what -y says wins over the machine", () => {
    const lines = ['7 openat(AT_FDCWD</>, "/lib/c", O_RDONLY) = 3</usr/lib/c-1>'];
    expect(after(lines, { resolve: () => "/usr/lib/c-2" }).lookup(7, 3)?.path).toBe("/usr/lib/c-1");
  });
});

describe("descriptors whose opening the trace does not show", () => {
  test("the first three are open on something unknown, others are not", () => {
    expect(new Descriptors().lookup(7, 1)).toMatchObject({ kind: "unknown", path: "" });
    expect(new Descriptors().lookup(7, 3)).toBeUndefined();
  });

  test("keep one id for what -y says, until they are closed", () => {
    const d = new Descriptors();
    const first = d.lookup(7, 3, annotation("3</tmp/x>"));
    expect(first).toMatchObject({ path: "/tmp/x", kind: "file" });
    expect(first?.access).toBeUndefined();
    expect(d.lookup(7, 3, annotation("3</tmp/x>"))?.id).toBe(first?.id);
    for (const call of callsOf(["7 close(3</tmp/x>) = 0"])) d.observe(call);
    expect(d.lookup(7, 3)).toBeUndefined();
    expect(d.lookup(7, 3, annotation("3</tmp/x>"))?.id).not.toBe(first?.id);
  });

  test("another path on a known descriptor is another file", () => {
    const d = after([OPEN_A]);
    const known = d.lookup(7, 3);
    expect(d.lookup(7, 3, annotation("3</tmp/a>"))?.id).toBe(known?.id);
    expect(d.lookup(7, 3, annotation("3</tmp/b>"))?.id).not.toBe(known?.id);
  });

  test("-yy tells devices, and -y that a name is gone", () => {
    const d = after([OPEN_A]);
    expect(d.lookup(7, 0, annotation("0</dev/pts/1<char 136:1>>"))?.kind).toBe("chardev");
    expect(d.lookup(7, 4, annotation("4<socket:[77]>"))?.kind).toBe("socket");
    expect(d.lookup(7, 3, annotation("3</tmp/a>(deleted)"))).toMatchObject({ path: "/tmp/a", deleted: true });
  });
});

describe("duplicates and closing", () => {
  test("dup, dup2, dup3 and F_DUPFD lead to the same open file", () => {
    const d = after([
      OPEN_A,
      "7 dup(3) = 4",
      "7 dup2(3, 5) = 5",
      "7 dup3(3, 6, O_CLOEXEC) = 6",
      "7 fcntl(3, F_DUPFD, 10) = 10",
      "7 fcntl64(3, F_DUPFD_CLOEXEC, 10) = 11",
      "7 close(3) = 0",
    ]);
    const ids = [4, 5, 6, 10, 11].map((fd) => d.lookup(7, fd)?.id);
    expect(ids[0]).toBeDefined();
    expect(new Set(ids).size).toBe(1);
    expect(d.lookup(7, 3)).toBeUndefined();
  });

  test("dup2 onto itself changes nothing, not even the mark for exec", () => {
    const d = after([OPEN_A, "7 dup2(3, 3) = 3"]);
    d.exec(7);
    expect(d.lookup(7, 3)).toBeUndefined();
  });

  test("a failed close closes all the same, unless there was nothing to close", () => {
    const error = (errno: string): Descriptors => after([OPEN_A, `7 close(3) = -1 ${errno} (Message)`]);
    expect(error("EIO").lookup(7, 3)).toBeUndefined();
    expect(error("EBADF").lookup(7, 3)).toBeDefined();
  });

  test("close_range closes both ends, or only marks", () => {
    const lines = [OPEN_A, "7 dup2(3, 9) = 9", "7 dup2(3, 10) = 10"];
    const closed = after([...lines, "7 close_range(3, 9, 0) = 0"]);
    expect([3, 9, 10].map((fd) => closed.lookup(7, fd) !== undefined)).toEqual([false, false, true]);
    const marked = after([...lines, "7 close_range(9, 4294967295, CLOSE_RANGE_CLOEXEC) = 0"]);
    expect(marked.lookup(7, 10)).toBeDefined();
    marked.exec(7);
    expect(marked.lookup(7, 10)).toBeUndefined();
  });

  test("a close that returns late leaves the file alone that another thread was given meanwhile", () => {
    const d = new Descriptors();
    const calls = callsOf([
      OPEN_A,
      "7 close(3 <unfinished ...>",
      '8 openat(AT_FDCWD, "/tmp/b", O_RDONLY) = 3',
      "7 <... close resumed>) = 0",
    ]);
    d.fork(7, 8, true);
    for (const call of calls) d.observe(call);
    expect(d.lookup(7, 3)?.path).toBe("/tmp/b");
  });

  test("a closed file is forgotten", () => {
    const d = after([OPEN_A, "7 close(3) = 0", '7 open("/tmp/a", O_RDONLY) = 3']);
    expect(d.lookup(7, 3)).toMatchObject({ path: "/tmp/a" });
    expect(d.lookup(7, 3)?.size).toBeUndefined();
  });
});

describe("tasks", () => {
  const open = (d: Descriptors, tid: number, fd: number, path: string): void => {
    for (const call of callsOf([`${tid} open("${path}", O_RDONLY) = ${fd}`])) d.observe(call);
  };

  test("threads share a table, a child has a copy that shares the open files", () => {
    const d = after([OPEN_A]);
    d.fork(7, 8, true);
    d.fork(7, 9, false);
    open(d, 8, 4, "/tmp/b");
    expect(d.lookup(7, 4)?.path).toBe("/tmp/b");
    expect(d.lookup(9, 4)).toBeUndefined();
    expect(d.lookup(9, 3)?.id).toBe(d.lookup(7, 3)?.id);
  });

  test("exec drops what is marked, and parts from a shared table", () => {
    const d = after([OPEN_A, "7 dup(3) = 4", "7 dup(3) = 5", "7 fcntl(5, F_SETFD, FD_CLOEXEC) = 0"]);
    d.fork(7, 8, true);
    d.exec(8);
    const open7 = [3, 4, 5].map((fd) => d.lookup(7, fd) !== undefined);
    const open8 = [3, 4, 5].map((fd) => d.lookup(8, fd) !== undefined);
    expect([open7, open8]).toEqual([
      [true, true, true],
      [false, true, false],
    ]);
  });

  test("ioctl and fcntl take the mark away again", () => {
    const d = after([
      OPEN_A,
      "7 dup(3) = 4",
      "7 ioctl(3, FIONCLEX) = 0",
      "7 ioctl(4, FIOCLEX) = 0",
      '7 open("/b", O_CLOEXEC) = 5',
      "7 fcntl(5, F_SETFD, 0) = 0",
    ]);
    d.exec(7);
    expect([3, 4, 5].map((fd) => d.lookup(7, fd) !== undefined)).toEqual([true, false, true]);
  });

  test("unshare gives a thread its own table", () => {
    const d = after([OPEN_A]);
    d.fork(7, 8, true);
    for (const call of callsOf(["8 unshare(CLONE_FILES) = 0", "8 close(3) = 0"])) d.observe(call);
    expect([7, 8].map((tid) => d.lookup(tid, 3) !== undefined)).toEqual([true, false]);
  });

  test("the table of threads lives as long as one of them", () => {
    const d = after([OPEN_A]);
    d.fork(7, 8, true);
    d.exit(7);
    expect(d.lookup(8, 3)?.path).toBe("/tmp/a");
  });
});

describe("what is known of a file", () => {
  const size = (...lines: readonly string[]): number | undefined => after(lines).lookup(7, 3)?.size;

  test("fstat tells size, kind, device and inode", () => {
    const stat = "{st_dev=makedev(0xfe, 0), st_ino=42, st_mode=S_IFREG|0644, st_size=77, ...}";
    const known = { size: 77, device: "fe:00", inode: 42 };
    const open = '7 open("/a", O_RDONLY) = 3';
    expect(after([open, `7 fstat(3, ${stat}) = 0`]).lookup(7, 3)).toMatchObject(known);
    expect(after([open, `7 newfstatat(3, "", ${stat}, AT_EMPTY_PATH) = 0`]).lookup(7, 3)).toMatchObject(
      known,
    );
    const statx =
      '7 statx(3, "", AT_EMPTY_PATH, STATX_ALL, {stx_mode=S_IFDIR|0755, stx_ino=42, stx_size=77, stx_dev_major=0xfe, stx_dev_minor=0}) = 0';
    expect(after([open, statx]).lookup(7, 3)).toMatchObject({ ...known, kind: "directory" });
  });

  test("stat by another name tells nothing of the directory's descriptor", () => {
    expect(
      size('7 open("/d", O_RDONLY) = 3', '7 newfstatat(3, "f", {st_size=9, ...}, 0) = 0'),
    ).toBeUndefined();
  });

  test("truncating, allocating and writing change a known size", () => {
    expect(size(OPEN_A, "7 ftruncate(3, 8192) = 0")).toBe(8192);
    expect(size(OPEN_A, '7 truncate("/tmp/a", 5) = 0')).toBe(5);
    expect(size(OPEN_A, "7 fallocate(3, 0, 4096, 4096) = 0")).toBe(8192);
    expect(size(OPEN_A, "7 fallocate(3, FALLOC_FL_KEEP_SIZE, 4096, 4096) = 0")).toBe(0);
    expect(size(OPEN_A, '7 pwrite64(3, "x", 1, 4095) = 1')).toBe(4096);
    expect(size(OPEN_A, '7 write(3, "abc"..., 300) = 300', '7 write(3, "d", 1) = 1')).toBe(301);
    expect(size(OPEN_A, "7 lseek(3, 4096, SEEK_SET) = 4096", '7 write(3, "d", 1) = 1')).toBe(4097);
  });

  test("seeking from the end tells a size", () => {
    expect(size('7 open("/a", O_RDONLY) = 3', "7 lseek(3, -10, SEEK_END) = 90")).toBe(100);
  });

  test("a write at a position that the trace does not show leaves the size unknown", () => {
    expect(size(OPEN_A, "7 sendfile(3, 4, NULL, 100) = 100")).toBeUndefined();
  });

  test("seals add up", () => {
    const d = after([
      '7 memfd_create("x", MFD_ALLOW_SEALING) = 3',
      "7 fcntl(3, F_ADD_SEALS, F_SEAL_WRITE) = 0",
      "7 fcntl(3, F_ADD_SEALS, F_SEAL_SHRINK|F_SEAL_GROW) = 0",
    ]);
    expect(d.lookup(7, 3)?.seals).toEqual(["SHRINK", "GROW", "WRITE"]);
  });
});

describe("names", () => {
  test("an unlinked file is deleted, and a new one of its name is another", () => {
    const d = after([OPEN_A, '7 unlink("/tmp/a") = 0', '7 open("/tmp/a", O_RDWR|O_CREAT) = 4']);
    expect(d.lookup(7, 3)).toMatchObject({ path: "/tmp/a", deleted: true });
    expect(d.lookup(7, 4)).toMatchObject({ path: "/tmp/a", deleted: false });
  });

  test("an exclusively created file is new, whatever the trace knew of its name", () => {
    const d = after(['7 open("/tmp/a", O_RDONLY) = 5', OPEN_A]);
    expect(d.lookup(7, 5)?.deleted).toBe(true);
    expect(d.lookup(7, 3)?.deleted).toBe(false);
  });

  test("a rename moves files, all below a directory too, and deletes what had the name", () => {
    const d = after([
      '7 open("/d/a", O_RDONLY) = 3',
      '7 open("/d/b", O_RDONLY) = 4',
      '7 rename("/d/a", "/d/b") = 0',
      '7 renameat2(AT_FDCWD, "/d", AT_FDCWD, "/e", RENAME_NOREPLACE) = 0',
    ]);
    expect(d.lookup(7, 3)).toMatchObject({ path: "/e/b", deleted: false });
    expect(d.lookup(7, 4)).toMatchObject({ path: "/d/b", deleted: true });
  });

  test("an exchange swaps two names", () => {
    const d = after([
      '7 open("/a", O_RDONLY) = 3',
      '7 open("/b", O_RDONLY) = 4',
      '7 renameat2(AT_FDCWD, "/a", AT_FDCWD, "/b", RENAME_EXCHANGE) = 0',
    ]);
    expect([3, 4].map((fd) => d.lookup(7, fd)?.path)).toEqual(["/b", "/a"]);
  });

  test("changes are told, also of files that nobody has open", () => {
    const heard: NameChange[] = [];
    after(['7 unlink("x") = 0', '7 rename("/a", "y") = 0', '7 unlink("gone") = -1 ENOENT (No such file)'], {
      cwd: "/c",
      onNameChange: (change) => heard.push(change),
    });
    expect(heard).toEqual([
      { kind: "unlinked", path: "/c/x" },
      { kind: "renamed", from: "/a", to: "/c/y" },
    ]);
  });
});

describe("laws", () => {
  const tid = fc.constantFrom(1, 2, 3);
  const fd = fc.integer({ min: 3, max: 6 });
  const step = fc.oneof(
    fc.record({ op: fc.constant("open" as const), tid, fd, cloexec: fc.boolean() }),
    fc.record({ op: fc.constant("dup2" as const), tid, fd, to: fd }),
    fc.record({ op: fc.constant("close" as const), tid, fd }),
    fc.record({ op: fc.constant("fork" as const), tid, child: tid, shared: fc.boolean() }),
    fc.record({ op: fc.constant("exec" as const), tid }),
  );

  type Entry = { readonly file: number; readonly cloexec: boolean };

  test("descriptors lead where a plain table of numbers says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const d = new Descriptors();
        const run = (line: string): void => {
          for (const call of callsOf([line])) d.observe(call);
        };
        const plain = new Map<number, Map<number, Entry>>([1, 2, 3].map((t) => [t, new Map()]));
        const table = (t: number): Map<number, Entry> => plain.get(t) ?? new Map();
        for (const [file, s] of steps.entries()) {
          if (s.op === "open") {
            run(`${s.tid} open("/f${file}", ${s.cloexec ? "O_CLOEXEC" : "O_RDONLY"}) = ${s.fd}`);
            table(s.tid).set(s.fd, { file, cloexec: s.cloexec });
          } else if (s.op === "dup2") {
            const from = table(s.tid).get(s.fd);
            if (from === undefined) continue;
            run(`${s.tid} dup2(${s.fd}, ${s.to}) = ${s.to}`);
            if (s.fd !== s.to) table(s.tid).set(s.to, { ...from, cloexec: false });
          } else if (s.op === "close") {
            run(`${s.tid} close(${s.fd}) = 0`);
            table(s.tid).delete(s.fd);
          } else if (s.op === "fork") {
            if (s.tid === s.child) continue;
            d.fork(s.tid, s.child, s.shared);
            plain.set(s.child, s.shared ? table(s.tid) : new Map(table(s.tid)));
          } else {
            d.exec(s.tid);
            plain.set(s.tid, new Map([...table(s.tid)].filter(([, entry]) => !entry.cloexec)));
          }
        }
        const ids = new Map<number, OpenFileInfo["id"]>();
        for (const [t, entries] of plain) {
          for (const n of [3, 4, 5, 6]) {
            const [entry, info] = [entries.get(n), d.lookup(t, n)];
            expect(info?.path).toBe(entry && `/f${entry.file}`);
            if (entry === undefined || info === undefined) continue;
            expect(ids.get(entry.file) ?? info.id).toBe(info.id);
            ids.set(entry.file, info.id);
          }
        }
        expect(new Set(ids.values()).size).toBe(ids.size);
      }),
      { numRuns: 200 },
    );
  });

  test("no text of an argument makes it throw", () => {
    const names = [
      "open",
      "openat",
      "openat2",
      "close_range",
      "fcntl",
      "recvmsg",
      "statx",
      "renameat2",
      "pipe2",
    ];
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom("3", '"/a"', "[3", "{st_size=", "AT_FDCWD", "-1", '"x'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(text, { maxLength: 5 }), (name, args) => {
        const [call] = callsOf([`7 ${name}() = 3`]);
        if (call === undefined) return;
        const { kind, tid: caller, line, startLine, result } = call;
        const d = new Descriptors();
        expect(() => d.observe({ kind, tid: caller, name, args, line, startLine, result })).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});
