/* Changes so many touched pages in several ways, and says in the trace when: its first argument is a trace_marker. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two places, each 100 pages above where a page table begins. */
static char *const place = (char *)(0x200000000UL + 100 * 4096UL);
static char *const other = (char *)(0x300000000UL + 100 * 4096UL);

static int marker;

static void mark(const char *what, int pages) {
  char text[64];
  int length = snprintf(text, sizeof text, "%s %d", what, pages);
  if (write(marker, text, length) != length) exit(1);
}

static void map(size_t length) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mmap(place, length, PROT_READ | PROT_WRITE, flags, -1, 0) != place) exit(1);
  madvise(place, length, MADV_NOHUGEPAGE);
  memset(place, 1, length);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  marker = open(argv[1], O_WRONLY);
  if (marker < 0) return 1;
  for (int i = 2; i < argc; i++) {
    int pages = atoi(argv[i]);
    size_t length = pages * 4096UL;
    map(length + 4096);
    mark("mprotect", pages);
    if (mprotect(place, length, PROT_READ)) return 1;
    mark("munmap", pages);
    if (munmap(place, length)) return 1;
    mark("end", 0);
    map(length);
    /* The tables go as well. */
    mark("unmap-all", pages);
    if (munmap(place, length + 4096)) return 1;
    mark("end", 0);
    map(length);
    mark("dontneed", pages);
    madvise(place, length, MADV_DONTNEED);
    mark("end", 0);
    memset(place, 1, length);
    mark("free", pages);
    madvise(place, length, MADV_FREE);
    mark("end", 0);
    memset(place, 1, length);
    pid_t child = fork();
    if (child == 0) pause();
    mark("copy", pages);
    *place = 2;
    mark("end", 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    memset(place, 1, length);
    mark("mremap", pages);
    if (mremap(place, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, other) != other) return 1;
    mark("end", 0);
    munmap(other, length);
  }
  return 0;
}
