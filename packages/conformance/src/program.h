/*
 * A program without the C library, so that no mapping is made that was not asked for: system calls, memory
 * accesses that survive their signals, descriptors of many kinds, and a report of the address space.
 */
typedef unsigned long word;
typedef unsigned long long u64;

#ifdef __i386__
enum {
  EXIT = 1, FORK = 2, READ = 3, WRITE = 4, OPEN = 5, CLOSE = 6, EXECVE = 11, PIPE = 42, BRK = 45, FCNTL = 55,
  DUP2 = 63, FTRUNCATE = 93, WAIT4 = 114, PERSONALITY = 136, SIGACTION = 174, PREAD = 180,
  MPROTECT = 125, CAPGET = 184, CAPSET = 185, SIGALTSTACK = 186, MMAP = 192, MINCORE = 218, PRLIMIT = 340, MEMFD_CREATE = 356,
  IO_SETUP = 245, UNLINK = 10, IOCTL = 54, MEMFD_SECRET = 447, SHMGET = 395, SHMCTL = 396, SHMAT = 397, CLOCK_GETTIME = 403,
};
#else
enum {
  READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, MMAP = 9, MPROTECT = 10, BRK = 12, SIGACTION = 13, PREAD = 17, PIPE = 22,
  MINCORE = 27, SHMGET = 29, SHMAT = 30, SHMCTL = 31, DUP2 = 33, FORK = 57, EXECVE = 59, EXIT = 60, WAIT4 = 61,
  FCNTL = 72, FTRUNCATE = 77, CAPGET = 125, CAPSET = 126, SIGALTSTACK = 131, PERSONALITY = 135, PRLIMIT = 302,
  IOCTL = 16, UNLINK = 87, IO_SETUP = 206, MEMFD_SECRET = 447,
  MEMFD_CREATE = 319, CLOCK_GETTIME = 228,
};
#endif
enum { MEMFD = 20, MEMFD_DUP, MEMFD_AGAIN, MEMFD_RDONLY, MEMFD_WRONLY, ZERO, PIPE_READ, DIRECTORY, FILE_RDWR,
       FILE_RDONLY, SEALED, APPEND, SMALL, SECRET };

static long sys(long nr, long a, long b, long c, long d, long e, long f) {
  long ret;
#ifdef __i386__
  long rest[2] = {nr, f};
  __asm__ volatile("push %%ebp\n mov 4(%%eax), %%ebp\n mov (%%eax), %%eax\n int $0x80\n pop %%ebp"
                   : "=a"(ret)
                   : "a"(rest), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                   : "memory");
#else
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(ret)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
#endif
  return ret;
}

static long call(long nr, long a, long b, long c) { return sys(nr, a, b, c, 0, 0, 0); }

static void write_all(const char *text, long length) {
  while (length > 0) {
    long n = call(WRITE, 1, (long)text, length);
    if (n <= 0) call(EXIT, 3, 0, 0);
    text += n;
    length -= n;
  }
}

/* Text of " hex" for one number, and where it ends. */
static char *put_hex(char *at, u64 n) {
  int shift = 60;
  *at++ = ' ';
  while (shift > 0 && (n >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[(n >> shift) & 15];
  return at;
}

__attribute__((unused)) static void print(char letter, const u64 *numbers, int count) {
  char line[256];
  char *at = line;
  *at++ = letter;
  for (int i = 0; i < count; i++) at = put_hex(at, numbers[i]);
  *at++ = '\n';
  write_all(line, at - line);
}

/* Mappings from here on are not told about: a fill makes too many. */
__attribute__((unused)) static u64 told_below = ~0ull;

/*
 * Header and VmFlags lines of smaps, size lines of status: what begins with a digit, a-f, or "Vm". Ends at the
 * first mapping that is not told about.
 */
__attribute__((unused)) static void print_filtered(const char *path) {
  char in[4096], out[4096];
  long used = 0, n;
  int column = 0, keep = 0, in_address = 0;
  char first = 0;
  u64 address = 0;
  int fd = (int)call(OPEN, (long)path, 0, 0);
  while ((n = call(READ, fd, (long)in, sizeof in)) > 0) {
    for (long i = 0; i < n; i++) {
      char c = in[i];
      if (column == 0) { address = 0; in_address = 1; }
      if (c == '-' && keep && in_address) {
        in_address = 0;
        if (address >= told_below) {
          write_all(out, used - column);
          call(CLOSE, fd, 0, 0);
          return;
        }
      }
      if (in_address) address = address * 16 + (u64)(c <= '9' ? c - '0' : c - 'a' + 10);
      if (column == 0) { first = c; keep = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
      if (column == 1 && first == 'V' && c == 'm') { keep = 1; out[used++] = first; }
      if (keep) out[used++] = c;
      column = c == '\n' ? 0 : column + 1;
      if (column == 0 && used > (long)sizeof out / 2) { write_all(out, used); used = 0; }
    }
  }
  write_all(out, used);
  call(CLOSE, fd, 0, 0);
}

__attribute__((unused)) static long attach(long address, long flags, long size) {
  long id = call(SHMGET, 0, size, 01600);
  long at = call(SHMAT, id, address, flags);
  call(SHMCTL, id, 0, 0);
  return at;
}

__attribute__((unused)) static long drop_capabilities(void) {
  struct { unsigned version; int pid; } header = {0x20080522, 0};
  struct { unsigned effective, permitted, inheritable; } sets[2];
  call(CAPGET, (long)&header, (long)sets, 0);
  sets[0].effective &= ~(1u << 14 | 1u << 17);
  return call(CAPSET, (long)&header, (long)sets, 0);
}

#ifdef COMMANDS
static long read_commands(char *line, long size, long offset) {
  static const char commands[] = COMMANDS;
  long n = 0;
  for (; n < size && offset + n < (long)sizeof commands - 1; n++) line[n] = commands[offset + n];
  return n;
}
#else
static long read_commands(char *line, long size, long offset) {
  return sys(PREAD, 0, (long)line, size, offset, 0, 0);
}
#endif

/* The next line of the commands from *offset on, without its newline. 0 at the end. */
__attribute__((unused)) static int next_line(char *line, long size, long *offset) {
  long n = read_commands(line, size - 1, *offset);
  long i = 0;
  if (n <= 0) return 0;
  while (i < n && line[i] != '\n') i++;
  line[i] = 0;
  *offset += i + 1;
  return 1;
}

/* 0 in the process that goes on, which is the child or its parent; the other one only waits, or exits. */
__attribute__((unused)) static int branch(int go_on) {
  long child = call(FORK, 0, 0, 0);
  if (child < 0) return (int)child;
  if (child == 0) {
    if (!go_on) call(EXIT, 0, 0, 0);
    return 0;
  }
  sys(WAIT4, child, 0, 0, 0, 0, 0);
  if (go_on) call(EXIT, 0, 0, 0);
  return 0;
}

/* The context of asynchronous I/O, which is the address of its ring. */
__attribute__((unused)) static long setup_ring(long events) {
  word context = 0;
  long made = call(IO_SETUP, events, (long)&context, 0);
  return made < 0 ? made : (long)context;
}

/* As many mappings of a page each from an address on, and no report of them. */
__attribute__((unused)) static long fill(long address, long count) {
  long made = sys(MMAP, address, count << 12, 0, 0x32, -1, 0);
  for (long i = 1; i < count && made == address; i += 2) call(MPROTECT, address + (i << 12), 1 << 12, 1);
  told_below = (word)address;
  return made;
}

/* The answer is as long as the range has pages: 4,096 at most. */
__attribute__((unused)) static long mincore(long address, long length) {
  char resident[4096];
  return call(MINCORE, address, length, (long)resident);
}

__attribute__((unused)) static long limit(long resource, u64 soft, u64 hard) {
  u64 both[2] = {soft, hard};
  return sys(PRLIMIT, 0, resource, (long)both, 0, 0, 0);
}

/* Where a touch that faults goes on. */
static word resume;

static void faulted(int signal, const int *info, word *context) {
#ifdef __i386__
  enum { ACCUMULATOR = 5 + 11, INSTRUCTION = 5 + 14 };
#else
  enum { ACCUMULATOR = 5 + 13, INSTRUCTION = 5 + 16 };
#endif
  context[ACCUMULATOR] = (word) - (0x10000 + (signal << 8) + info[2]);
  context[INSTRUCTION] = resume;
}

#ifdef __i386__
#define REMEMBER "movl $1f, %1\n"
#else
#define REMEMBER "movq $1f, %1\n"
#endif

__attribute__((unused)) static long touch(word at, int write) {
  long answer = 1;
  if (write)
    __asm__ volatile(REMEMBER "movb $1, (%2)\n 1:" : "+a"(answer), "=m"(resume) : "r"(at) : "memory");
  else
    __asm__ volatile(REMEMBER "testb $1, (%2)\n 1:" : "+a"(answer), "=m"(resume) : "r"(at) : "memory", "cc");
  return answer;
}

void back_from_signal(void);

__attribute__((unused)) static void catch_faults(void) {
  static char stack[1 << 14];
  word there[3] = {(word)stack, 0, sizeof stack};
  word action[6] = {(word)faulted, 0x0c000004, (word)back_from_signal};
  call(SIGALTSTACK, (long)there, 0, 0);
  sys(SIGACTION, 11, (long)action, 0, 8, 0, 0);
  sys(SIGACTION, 7, (long)action, 0, 8, 0, 0);
  touch(0, 0);
}

static void open_at(int number, const char *path, long flags) {
  long fd = call(OPEN, (long)path, flags, 0);
  call(DUP2, fd, number, 0);
  if (fd != number) call(CLOSE, fd, 0, 0);
}

static void memfd_at(int number, const char *name, long flags, long seals) {
  long fd = call(MEMFD_CREATE, (long)name, flags, 0);
  call(FTRUNCATE, fd, 1L << 30, 0);
  if (seals) call(FCNTL, fd, 1033, seals);
  call(DUP2, fd, number, 0);
  call(CLOSE, fd, 0, 0);
}

/* The path with a letter behind it. */
static const char *beside(const char *path, char letter) {
  static char other[256];
  long i = 0;
  for (; path[i] && i < 253; i++) other[i] = path[i];
  other[i] = letter;
  other[i + 1] = 0;
  return other;
}

/* A file with some pages and a bit. */
enum { SMALL_BYTES = (5 << 12) + 100 };

/*
 * Files of the run that are gone from their folder: one that may only be appended to, which is told about by
 * that it could be made so, and a small one.
 */
static int open_gone_files(const char *path) {
  enum { CREATE = 0102, APPEND_FLAG = 0x20, SET_FLAGS = sizeof(word) == 8 ? 0x40086602 : 0x40046602 };
  long fd;
  word flags = APPEND_FLAG;
  const char *small = beside(path, 's');
  fd = call(OPEN, (long)small, CREATE, 0600);
  call(FTRUNCATE, fd, SMALL_BYTES, 0);
  call(UNLINK, (long)small, 0, 0);
  call(DUP2, fd, SMALL, 0);
  const char *append = beside(path, 'a');
  fd = call(OPEN, (long)append, CREATE, 0600);
  call(FTRUNCATE, fd, 1L << 30, 0);
  call(UNLINK, (long)append, 0, 0);
  call(DUP2, fd, APPEND, 0);
  return call(IOCTL, APPEND, SET_FLAGS, (long)&flags) == 0;
}

/* Whether there is secret memory. */
static int open_secret(void) {
  long fd = call(MEMFD_SECRET, 0, 0, 0);
  if (fd < 0) return 0;
  call(FTRUNCATE, fd, 1L << 30, 0);
  call(DUP2, fd, SECRET, 0);
  return 1;
}

/* What could be opened of what not every machine has. */
static u64 opened[2];

__attribute__((unused)) static void open_files(const char *path) {
  int ends[2];
  memfd_at(MEMFD, "live", 0, 0);
  memfd_at(SEALED, "sealed", 2, 8);
  call(DUP2, MEMFD, MEMFD_DUP, 0);
  open_at(MEMFD_AGAIN, "/proc/self/fd/20", 2);
  open_at(MEMFD_RDONLY, "/proc/self/fd/20", 0);
  open_at(MEMFD_WRONLY, "/proc/self/fd/20", 1);
  open_at(ZERO, "/dev/zero", 2);
  call(PIPE, (long)ends, 0, 0);
  call(DUP2, ends[0], PIPE_READ, 0);
  open_at(DIRECTORY, "/", 0);
  open_at(FILE_RDWR, path, 2);
  open_at(FILE_RDONLY, path, 0);
  opened[0] = (u64)open_gone_files(path);
  opened[1] = (u64)open_secret();
}

/* Starts itself again with the personality and the soft stack limit that the model supposes. */
static void settle(word wanted, u64 stack, char **argv, char **envp) {
  u64 limit[2];
  sys(PRLIMIT, 0, 3, 0, (long)limit, 0, 0);
  if ((word)call(PERSONALITY, -1, 0, 0) == wanted && limit[0] == stack) return;
  limit[0] = stack;
  sys(PRLIMIT, 0, 3, (long)limit, 0, 0, 0);
  call(PERSONALITY, (long)wanted, 0, 0);
  call(EXECVE, (long)"/proc/self/exe", (long)argv, (long)envp);
  call(EXIT, 4, 0, 0);
}

#ifdef __i386__
__asm__(".globl _start\n_start:\n mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call start\n");
__asm__("back_from_signal:\n mov $173, %eax\n int $0x80\n");
#else
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
__asm__("back_from_signal:\n mov $15, %eax\n syscall\n");
#endif
