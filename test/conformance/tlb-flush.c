/* Protects and unmaps so many touched pages, and says in the trace when: its one argument is a trace_marker. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int marker;

static void mark(const char *what, int pages) {
  char text[64];
  int length = snprintf(text, sizeof text, "%s %d", what, pages);
  if (write(marker, text, length) != length) exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  marker = open(argv[1], O_WRONLY);
  if (marker < 0) return 1;
  for (int i = 2; i < argc; i++) {
    int pages = atoi(argv[i]);
    size_t length = pages * 4096UL;
    char *m = mmap(NULL, length + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) return 1;
    madvise(m, length, MADV_NOHUGEPAGE);
    memset(m, 1, length);
    mark("mprotect", pages);
    if (mprotect(m, length, PROT_READ)) return 1;
    mark("munmap", pages);
    if (munmap(m, length)) return 1;
    mark("end", 0);
  }
  return 0;
}
