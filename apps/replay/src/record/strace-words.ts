/**
 * Calls that wait, tell the time, move bytes or mask signals. Nothing about an address space follows from them,
 * and programs make more of them than of all others, so that they are not stopped at. What a file's size
 * follows from is among them: with faults beside the trace they are recorded all the same.
 */
const QUIET_CALLS = [
  ...["read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ...["recvfrom", "sendto", "sendmsg", "sendmmsg", "poll", "ppoll", "select", "pselect6", "getsockopt"],
  ...["epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "io_uring_enter", "futex", "futex_waitv"],
  ...["nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "time", "times", "getrusage"],
  ...["sched_yield", "rt_sigprocmask", "rt_sigreturn", "getpid", "gettid", "getppid", "getuid", "geteuid"],
  ...["getgid", "getegid", "membarrier", "access", "faccessat", "faccessat2", "readlink", "readlinkat"],
  ...["stat", "lstat", "getdents64", "statfs", "fstatfs", "uname", "sysinfo", "umask", "fsync", "fdatasync"],
];

/** What strace is to record of whom. */
export interface StraceWish {
  /** The file that it writes. */
  readonly trace: string;
  /** Every call, not only those that memory follows from. */
  readonly everything: boolean;
  readonly stacks: boolean;
}

/** The words of a command line that records with strace; the program or `-p PID` come behind them. */
export function straceWords({ trace, everything, stacks }: StraceWish): string[] {
  const words = ["-f", "-ttt", "-v", "-s", "65536", "--quiet=attach", "-o", trace];
  if (stacks) words.push("-k");
  if (everything) return words;
  // With the question mark a strace that does not know a call leaves it out.
  return [...words, "-e", `trace=!${QUIET_CALLS.map((call) => `?${call}`).join(",")}`];
}
