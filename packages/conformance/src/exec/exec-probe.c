/*
 * Executes programs and tells what the kernel made of each: the errno of execve, the signal that ended the
 * process past the point of no return, or what /proc shows of it at its first instruction.
 *
 * usage: exec-probe < CASES
 * A case is, in little-endian numbers: the personality (32 bits); soft limits of stack, address space and data
 * (64 bits each); the path; the count of arguments, 0xffffffff for no list at all, and the arguments; the same
 * of the environment. A string is its length with the NUL (32 bits) and its bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_BYTES = 1 << 16, NO_LIST = -1, SET_UP_FAILED = 250 };

static char *input, *at, *end;

static uint32_t number(void) {
  uint32_t n;
  memcpy(&n, at, sizeof n);
  at += sizeof n;
  return n;
}

static uint64_t wide(void) {
  uint64_t low = number();
  return low | (uint64_t)number() << 32;
}

static char *string(void) {
  uint32_t length = number();
  char *text = at;
  at += length;
  return text;
}

static char **list(void) {
  int32_t count = (int32_t)number();
  if (count == NO_LIST) return 0;
  char **strings = malloc(((size_t)count + 1) * sizeof *strings);
  for (int32_t i = 0; i < count; i++) strings[i] = string();
  strings[count] = 0;
  return strings;
}

static void read_input(void) {
  size_t used = 0, size = 1 << 20;
  ssize_t n;
  input = malloc(size);
  while ((n = read(0, input + used, size - used)) > 0) {
    used += (size_t)n;
    if (used == size) input = realloc(input, size *= 2);
  }
  at = input;
  end = input + used;
}

static int limit(int resource, uint64_t soft) {
  struct rlimit both = {soft, RLIM_INFINITY};
  return setrlimit(resource, &both);
}

struct request {
  uint32_t personality;
  uint64_t stack, as, data;
  char *path, **argv, **envp;
};

static struct request next_request(void) {
  struct request r;
  r.personality = number();
  r.stack = wide();
  r.as = wide();
  r.data = wide();
  r.path = string();
  r.argv = list();
  r.envp = list();
  return r;
}

static void become(const struct request *r) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (personality(r->personality) < 0 || ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 || limit(RLIMIT_DATA, r->data) < 0 ||
      limit(RLIMIT_STACK, r->stack) < 0 || limit(RLIMIT_AS, r->as) < 0)
    _exit(SET_UP_FAILED);
  execve(r->path, r->argv, r->envp);
  _exit(errno);
}

/* The lines of a /proc file that begin with a text. */
static void show(pid_t pid, const char *name, const char *begins) {
  char path[64], line[8192];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, begins, strlen(begins)) == 0) printf("%s %s", name, line);
  if (file) fclose(file);
}

static void show_bytes(pid_t pid, const char *name, const char *from, off_t offset, size_t length) {
  static unsigned char bytes[STACK_BYTES];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, from);
  int fd = open(path, O_RDONLY);
  ssize_t n = pread(fd, bytes, length, offset);
  printf("%s ", name);
  for (ssize_t i = 0; i < n; i++) printf("%02x", bytes[i]);
  printf("\n");
  close(fd);
}

static void report(pid_t pid) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, pid, 0, &regs);
  printf("started %llx %llx\n", regs.rip, regs.rsp);
  show(pid, "stat", "");
  show(pid, "maps", "");
  show(pid, "status", "Vm");
  show_bytes(pid, "auxv", "auxv", 0, STACK_BYTES);
  show_bytes(pid, "stack", "mem", (off_t)regs.rsp, STACK_BYTES);
}

static void run(const struct request *r) {
  int status;
  pid_t pid = fork();
  if (pid == 0) become(r);
  waitpid(pid, &status, 0);
  if (WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP) {
    /* The signal that it is about to die of: an exec that succeeds stops with SIGTRAP. */
    ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status));
    waitpid(pid, &status, 0);
  }
  if (WIFEXITED(status)) printf("errno %d\n", WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
  else {
    report(pid);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  printf(".\n");
}

int main(void) {
  read_input();
  while (at < end) {
    struct request r = next_request();
    fflush(stdout);
    run(&r);
    free(r.argv);
    free(r.envp);
  }
  free(input);
  return 0;
}
