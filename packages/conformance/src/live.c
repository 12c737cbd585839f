/*
 * Executes requests on the running kernel and prints what came of each: the result, every mapping with its
 * VmFlags, and the sizes of the address space. Without the C library, so that no mapping is made that was
 * not asked for.
 *
 * usage: live FILE PERSONALITY(hex) < COMMANDS
 * A run of commands is a line "b", then commands, then a line "e"; every run has a process of its own.
 *   s NR A B C D E F   the system call NR
 *   w ADDR, r ADDR     write or read one byte there, -EFAULT instead of a signal
 *   v ADDR LEN         mincore
 *   m ADDR FLAGS SIZE  attach a new System V segment
 *   l RESOURCE SOFT HARD, k  set a resource limit; give up CAP_IPC_LOCK and CAP_SYS_RAWIO
 *   f, c               fork: go on in the child; fork a child that exits
 */
typedef unsigned long u64;

enum {
  READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, BRK = 12, PREAD = 17, PWRITE = 18, PIPE = 22, MINCORE = 27,
  SHMGET = 29, SHMAT = 30, SHMCTL = 31, DUP2 = 33, FORK = 57, EXECVE = 59, EXIT = 60, WAIT4 = 61, FCNTL = 72,
  FTRUNCATE = 77, CAPGET = 125, CAPSET = 126, PERSONALITY = 135, PRLIMIT = 302, MEMFD_CREATE = 319,
};
enum { MEMFD = 20, MEMFD_DUP, MEMFD_AGAIN, MEMFD_RDONLY, MEMFD_WRONLY, ZERO, PIPE_READ, DIRECTORY, FILE_RDWR,
       FILE_RDONLY, SEALED, SOURCE = 40, SINK };

static long sys(long nr, long a, long b, long c, long d, long e, long f) {
  long ret;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(ret)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
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

static void print(char letter, const u64 *numbers, int count) {
  char line[256];
  char *at = line;
  *at++ = letter;
  for (int i = 0; i < count; i++) at = put_hex(at, numbers[i]);
  *at++ = '\n';
  write_all(line, at - line);
}

/* Header and VmFlags lines of smaps, size lines of status: what begins with a digit, a-f, or "Vm". */
static void print_filtered(const char *path) {
  char in[4096], out[4096];
  long used = 0, n;
  int column = 0, keep = 0;
  char first = 0;
  int fd = (int)call(OPEN, (long)path, 0, 0);
  while ((n = call(READ, fd, (long)in, sizeof in)) > 0) {
    for (long i = 0; i < n; i++) {
      char c = in[i];
      if (column == 0) { first = c; keep = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
      if (column == 1 && first == 'V' && c == 'm') { keep = 1; out[used++] = first; }
      if (keep) out[used++] = c;
      column = c == '\n' ? 0 : column + 1;
      if (used > (long)sizeof out - 2) { write_all(out, used); used = 0; }
    }
  }
  write_all(out, used);
  call(CLOSE, fd, 0, 0);
}

static void report(long result) {
  u64 number = (u64)result;
  print('=', &number, 1);
  print_filtered("/proc/self/smaps");
  print_filtered("/proc/self/status");
}

/* The next line of standard input from *offset on, without its newline. 0 at the end. */
static int next_line(char *line, long size, long *offset) {
  long n = sys(PREAD, 0, (long)line, size - 1, *offset, 0, 0);
  long i = 0;
  if (n <= 0) return 0;
  while (i < n && line[i] != '\n') i++;
  line[i] = 0;
  *offset += i + 1;
  return 1;
}

static void parse(const char *at, u64 *numbers, int count) {
  for (int i = 0; i < count; i++) {
    numbers[i] = 0;
    while (*at == ' ') at++;
    for (; *at && *at != ' '; at++) numbers[i] = numbers[i] * 16 + (u64)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  }
}

static long attach(u64 address, u64 flags, u64 size) {
  long id = call(SHMGET, 0, (long)size, 01600);
  long at = call(SHMAT, id, (long)address, (long)flags);
  call(SHMCTL, id, 0, 0);
  return at;
}

static long drop_capabilities(void) {
  struct { unsigned version; int pid; } header = {0x20080522, 0};
  struct { unsigned effective, permitted, inheritable; } sets[2];
  call(CAPGET, (long)&header, (long)sets, 0);
  sets[0].effective &= ~(1u << 14 | 1u << 17);
  return call(CAPSET, (long)&header, (long)sets, 0);
}

/* 1 in a child that goes on, 0 in the process that stays; its parent only waits. */
static int branch(int go_on) {
  long child = call(FORK, 0, 0, 0);
  if (child == 0) {
    if (!go_on) call(EXIT, 0, 0, 0);
    return 1;
  }
  sys(WAIT4, child, 0, 0, 0, 0, 0);
  if (go_on) call(EXIT, 0, 0, 0);
  return 0;
}

static long execute(char *line) {
  char resident[4096];
  u64 n[7];
  parse(line + 1, n, 7);
  switch (line[0]) {
  case 's': return sys((long)n[0], (long)n[1], (long)n[2], (long)n[3], (long)n[4], (long)n[5], (long)n[6]);
  case 'w': return call(READ, SOURCE, (long)n[0], 1);
  case 'r': return sys(PWRITE, SINK, (long)n[0], 1, 0, 0, 0);
  case 'v': return call(MINCORE, (long)n[0], (long)n[1], (long)resident);
  case 'm': return attach(n[0], n[1], n[2]);
  case 'l': return sys(PRLIMIT, 0, (long)n[0], (long)(n + 1), 0, 0, 0);
  case 'k': return drop_capabilities();
  case 'f': return branch(1) - 1;
  case 'c': return branch(0);
  default: return -38;
  }
}

static void run(long offset, u64 stack) {
  char line[256];
  u64 start[10] = {stack, (u64)call(BRK, 0, 0, 0)};
  const int resources[4] = {9, 2, 3, 8};
  for (int i = 0; i < 4; i++) sys(PRLIMIT, 0, resources[i], 0, (long)(start + 2 + 2 * i), 0, 0);
  print('b', start, 10);
  print_filtered("/proc/self/stat");
  report(0);
  while (next_line(line, sizeof line, &offset) && line[0] != 'e') report(execute(line));
  call(EXIT, 0, 0, 0);
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

static void open_files(const char *path) {
  int ends[2];
  memfd_at(MEMFD, "live", 0, 0);
  memfd_at(SEALED, "sealed", 2, 8);
  memfd_at(SINK, "sink", 0, 0);
  call(DUP2, MEMFD, MEMFD_DUP, 0);
  open_at(MEMFD_AGAIN, "/proc/self/fd/20", 2);
  open_at(MEMFD_RDONLY, "/proc/self/fd/20", 0);
  open_at(MEMFD_WRONLY, "/proc/self/fd/20", 1);
  open_at(ZERO, "/dev/zero", 2);
  open_at(SOURCE, "/dev/zero", 0);
  call(PIPE, (long)ends, 0, 0);
  call(DUP2, ends[0], PIPE_READ, 0);
  open_at(DIRECTORY, "/", 0);
  open_at(FILE_RDWR, path, 2);
  open_at(FILE_RDONLY, path, 0);
}

/* Starts itself again without randomisation, and with the stack limit that the model supposes. */
static void settle(char **argv, char **envp) {
  u64 limit[2], wanted;
  parse(argv[2], &wanted, 1);
  sys(PRLIMIT, 0, 3, 0, (long)limit, 0, 0);
  if ((u64)call(PERSONALITY, 0xffffffff, 0, 0) == wanted && limit[0] == 8 << 20) return;
  limit[0] = 8 << 20;
  sys(PRLIMIT, 0, 3, (long)limit, 0, 0, 0);
  call(PERSONALITY, (long)wanted, 0, 0);
  call(EXECVE, (long)"/proc/self/exe", (long)argv, (long)envp);
  call(EXIT, 4, 0, 0);
}

__attribute__((used)) static void start(u64 *stack) {
  char line[256];
  long offset = 0;
  char **argv = (char **)(stack + 1);
  settle(argv, argv + stack[0] + 1);
  open_files(argv[1]);
  while (next_line(line, sizeof line, &offset)) {
    if (line[0] != 'b') continue;
    long child = call(FORK, 0, 0, 0);
    if (child == 0) run(offset, (u64)stack);
    sys(WAIT4, child, 0, 0, 0, 0, 0);
    print('e', 0, 0);
  }
  call(EXIT, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
