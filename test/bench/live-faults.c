/*
 * Times the running kernel: writes to pages for the first time, and a fork of the process that has them whose
 * child ends at once.
 *
 * usage: live-faults PAGES; prints the nanoseconds of all faults, and of the fork with the child's end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9 };

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  long left = *(const long *)a, right = *(const long *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  long pages = argc > 1 ? atol(argv[1]) : 10000;
  long faults[ROUNDS], forks[ROUNDS];
  for (int round = 0; round < ROUNDS; round++) {
    char *memory = mmap(0, (size_t)pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    madvise(memory, (size_t)pages * 4096, MADV_NOHUGEPAGE);
    long begun = now();
    for (long i = 0; i < pages; i++) memory[i * 4096] = 1;
    faults[round] = now() - begun;
    begun = now();
    int child = fork();
    if (child == 0) _exit(0);
    if (child < 0) return 1;
    waitpid(child, 0, 0);
    forks[round] = now() - begun;
    munmap(memory, (size_t)pages * 4096);
  }
  qsort(faults, ROUNDS, sizeof faults[0], ascending);
  qsort(forks, ROUNDS, sizeof forks[0], ascending);
  printf("%ld %ld\n", faults[ROUNDS / 2], forks[ROUNDS / 2]);
  return 0;
}
