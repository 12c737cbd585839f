// Looks words up in a dictionary that it maps, and maps again when it is told that there is a new one.
//
//   cc -g -o dictionary examples/faults/dictionary.c && ./dictionary
//
// docs/TUTORIAL.md finds out what it dies of.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 16 * 4096, ENTRY = 64 };

struct dictionary {
  const char *words;
  // The entry that was found last: most words are asked for twice.
  const char *last;
};

static void load(struct dictionary *d, int fd) {
  const char *words = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
  if (words == MAP_FAILED) exit(2);
  if (d->words) munmap((void *)d->words, SIZE);
  d->words = words;
}

static const char *look_up(struct dictionary *d, const char *word) {
  if (d->last && strcmp(d->last, word) == 0) return d->last;
  for (const char *entry = d->words; entry < d->words + SIZE; entry += ENTRY)
    if (strcmp(entry, word) == 0) return d->last = entry;
  return NULL;
}

static int make(int words) {
  char name[] = "/tmp/dictionary.XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0 || ftruncate(fd, SIZE) != 0) exit(2);
  unlink(name);
  for (int i = 0; i < words; i++) {
    char entry[ENTRY] = {0};
    snprintf(entry, sizeof entry, "word%d", i);
    if (pwrite(fd, entry, sizeof entry, (off_t)i * ENTRY) != ENTRY) exit(2);
  }
  return fd;
}

int main(void) {
  struct dictionary d = {0};
  load(&d, make(500));
  printf("%s\n", look_up(&d, "word123"));
  fflush(stdout);
  load(&d, make(900));
  printf("%s\n", look_up(&d, "word321"));
  return 0;
}
