/** Flags of clone and clone3 that the model reads, as in include/uapi/linux/sched.h. */
export const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x10000,
  NEWNS: 0x20000,
  SETTLS: 0x80000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
} as const;

const SIGCHLD = 17;

/** What fork, vfork and the making of a thread pass to clone; of a thread's only what the model reads. */
export const CLONE_OF = {
  fork: SIGCHLD,
  vfork: CLONE.VM | CLONE.VFORK | SIGCHLD,
  thread: CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD,
} as const;
