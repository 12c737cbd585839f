/* Uses memory in every way that fills pages, and then prints what the kernel counts of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

static char bss[64 * PAGE];
static char data[64 * PAGE] = {1};
static char status[2 * PAGE];

static char *map(int pages, int flags) {
  return mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
}

static void store(char *from, int pages, int step) {
  for (int n = 0; n < pages; n += step) *(volatile char *)(from + n * PAGE) = 1;
}

static void load(char *from, int pages, int step) {
  for (int n = 0; n < pages; n += step) (void)*(volatile char *)(from + n * PAGE);
}

int main(void) {
  char *heap = malloc(300 * PAGE);
  memset(heap, 1, 100 * PAGE);
  store(bss, 64, 3);
  store(data, 64, 5);
  char *some = map(256, PRIVATE);
  load(some, 200, 1);
  store(some, 100, 2);
  char *shared = map(64, MAP_SHARED | MAP_ANONYMOUS);
  store(shared, 40, 1);
  if (fork() == 0) {
    store(some, 256, 4);
    store(shared, 64, 1);
    _exit(0);
  }
  wait(NULL);
  store(some, 256, 8);
  madvise(some, 32 * PAGE, MADV_DONTNEED);
  munmap(shared, 8 * PAGE);
  mprotect(some + 64 * PAGE, 8 * PAGE, PROT_READ);
  char *filled = map(64, PRIVATE | MAP_POPULATE);
  filled = mremap(filled, 64 * PAGE, 700 * PAGE, MREMAP_MAYMOVE);
  store(filled, 700, 90);
  memset(status, 1, sizeof status);
  int file = open("/proc/self/status", O_RDONLY);
  ssize_t length = read(file, status, sizeof status);
  write(STDOUT_FILENO, status, (size_t)length);
  _exit(0);
}
