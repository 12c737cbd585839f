#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096UL
#define PAIRS 2000
#define ROUNDS 15

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Prints the median nanoseconds of an mmap of two pages and its munmap, among COUNT mappings of one page
   with holes of one page between them. */
int main(int argc, char **argv) {
  unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  char *base = mmap(NULL, 2 * count * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return 1;
  for (unsigned long i = 0; i < count; i++)
    if (munmap(base + (2 * i + 1) * PAGE, PAGE) != 0) return 2;
  double times[ROUNDS];
  for (int round = 0; round < ROUNDS; round++) {
    double start = now();
    for (int pair = 0; pair < PAIRS; pair++) {
      void *at = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (at == MAP_FAILED || munmap(at, 2 * PAGE) != 0) return 3;
    }
    times[round] = (now() - start) / PAIRS;
  }
  qsort(times, ROUNDS, sizeof *times, ascending);
  printf("%f\n", times[ROUNDS / 2]);
  return 0;
}
