import type { FileId } from "../base/index.ts";

/**
 * What stands behind a mapping of a file, as far as mmap asks:
 * `disk` a file system with THP-aware placement (ext4, xfs, btrfs …), `plain` any other that can be
 * mapped, `shmem` tmpfs, memfd and shared anonymous memory, `shm` an attached System V segment, `hugetlb`, `zero` the device
 * /dev/zero, `secret` memfd_secret, `aio` the ring of io_setup, `unmappable` a directory, pipe, socket or the like.
 */
export type FileKind =
  | "disk"
  | "plain"
  | "shmem"
  | "shm"
  | "hugetlb"
  | "zero"
  | "secret"
  | "aio"
  | "unmappable";

/** One open file description (struct file) and what mappings need of its inode. */
export interface OpenFile {
  readonly id: FileId;
  /** As /proc/PID/maps prints it, without " (deleted)". */
  readonly path: string;
  readonly kind: FileKind;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly deleted: boolean;
  /** "fe:00", as maps prints it; absent when no source knew. */
  readonly device?: string;
  readonly inode?: number;
  /** The first open file of the same inode, with which this one shares its page cache; absent for the first. */
  readonly mapping?: FileId;
  /** Bytes, when known. */
  readonly size?: number;
  readonly noexec?: boolean;
  /** FS_APPEND_FL: chattr +a. */
  readonly appendOnly?: boolean;
  /** Swapping goes to it: swapon. */
  readonly swapFile?: boolean;
  /** F_SEAL_WRITE or F_SEAL_FUTURE_WRITE is set on a memfd. */
  readonly writeSealed?: boolean;
  /** Pages of committed memory that the object holds while it lives: shared anonymous memory, segments. */
  readonly charged?: number;
  /** Pages of one huge page, for hugetlb. */
  readonly hugePages?: number;
}
