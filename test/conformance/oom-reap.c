/*
 * What the reaper of memory leaves of a process that is being killed. The victim touches four pages of each kind of
 * memory, is killed, and is held on its way out, before it gives its memory back; then process_mrelease has its
 * memory reaped. Prints a line for each kind: its name, and the resident kilobytes before and after.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 4, PAGE = 4096, KINDS = 5 };
static const char *const names[KINDS] = {"private", "shared", "copies", "file", "locked"};
#define PLACE(kind) ((char *)0x20000000 + (long)(kind) * 0x100000)

static void map(int kind, int flags, int fd, int writes) {
  char *at = mmap(PLACE(kind), PAGES * PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
  if (at == MAP_FAILED) exit(9);
  for (int i = 0; i < PAGES; i++) {
    if (writes) at[i * PAGE] = 1;
    else (void)*(volatile char *)(at + i * PAGE);
  }
}

static void victim(const char *file) {
  int fd = open(file, O_RDWR);
  map(0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
  map(1, MAP_SHARED | MAP_ANONYMOUS, -1, 1);
  map(2, MAP_PRIVATE, fd, 1);
  map(3, MAP_SHARED, fd, 0);
  map(4, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 1);
  raise(SIGSTOP);
  for (;;) pause();
}

/* Resident kilobytes of each kind, from smaps. */
static void look(pid_t pid, long rss[KINDS]) {
  char path[64], line[512];
  unsigned long start = 0, number;
  snprintf(path, sizeof path, "/proc/%d/smaps", pid);
  FILE *smaps = fopen(path, "r");
  memset(rss, 0, KINDS * sizeof *rss);
  while (smaps && fgets(line, sizeof line, smaps)) {
    char dash;
    if (sscanf(line, "%lx%c", &number, &dash) == 2 && dash == '-') start = number;
    for (int kind = 0; kind < KINDS; kind++)
      if (start == (unsigned long)PLACE(kind) && sscanf(line, "Rss: %ld kB", &rss[kind]) == 1) break;
  }
  if (smaps) fclose(smaps);
}

int main(int argc, char **argv) {
  long before[KINDS], after[KINDS];
  int status;
  if (argc != 2) return 2;
  pid_t pid = fork();
  if (pid == 0) victim(argv[1]);
  waitpid(pid, &status, WUNTRACED);
  if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT) != 0) return 3;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  kill(pid, SIGKILL);
  waitpid(pid, &status, __WALL);
  look(pid, before);
  if (syscall(SYS_process_mrelease, pidfd, 0) != 0) return 4;
  look(pid, after);
  for (int kind = 0; kind < KINDS; kind++) printf("%s %ld %ld\n", names[kind], before[kind], after[kind]);
  ptrace(PTRACE_CONT, pid, 0, 0);
  waitpid(pid, &status, __WALL);
  return 0;
}
