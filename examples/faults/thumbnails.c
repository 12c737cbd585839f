// Makes a thumbnail of each picture: maps it, looks at it, unmaps it. One way out of it forgets the last of these.
//
//   cc -g -o thumbnails examples/faults/thumbnails.c && ./thumbnails
//
// docs/TUTORIAL.md finds out which.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PICTURE = 64 * 1024 };

static const unsigned char *open_picture(int fd) {
  void *picture = mmap(NULL, PICTURE, PROT_READ, MAP_PRIVATE, fd, 0);
  if (picture != MAP_FAILED) return picture;
  perror("thumbnails: cannot map a picture");
  exit(1);
}

static void close_picture(const unsigned char *picture) { munmap((void *)picture, PICTURE); }

static unsigned scale(const unsigned char *picture) {
  unsigned sum = 0;
  for (int i = 0; i < PICTURE; i += 4096) sum += picture[i];
  return sum;
}

// Nine of ten pictures have a thumbnail already.
static int has_thumbnail(int number) { return number % 10 != 0; }

static unsigned make_thumbnail(int fd, int number) {
  const unsigned char *picture = open_picture(fd);
  if (has_thumbnail(number)) return 0;
  unsigned thumbnail = scale(picture);
  close_picture(picture);
  return thumbnail;
}

int main(int argc, char **argv) {
  int pictures = argc > 1 ? atoi(argv[1]) : 100000;
  char name[] = "/tmp/picture.XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0 || ftruncate(fd, PICTURE) != 0) return 2;
  unlink(name);
  unsigned sum = 0;
  for (int number = 0; number < pictures; number++) sum += make_thumbnail(fd, number);
  printf("%d thumbnails\n", pictures);
  return sum != 0;
}
