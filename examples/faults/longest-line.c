// Prints the length of the longest line of its input, which it reads into one buffer that doubles when it is full.
//
//   cc -g -o longest-line examples/faults/longest-line.c
//   yes | head -c 60M | prlimit --as=64000000 ./longest-line
//
// docs/TUTORIAL.md finds out why that much input does not fit into that much memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  size_t size = 64 * 1024, length = 0;
  char *text = malloc(size);
  for (;;) {
    ssize_t count = read(0, text + length, size - length);
    if (count <= 0) break;
    length += count;
    if (length < size) continue;
    char *larger = realloc(text, 2 * size);
    if (!larger) {
      perror("longest-line: cannot read on");
      return 1;
    }
    text = larger;
    size *= 2;
  }
  size_t longest = 0;
  for (char *line = text, *end = text + length; line < end;) {
    char *newline = memchr(line, '\n', end - line);
    size_t here = (newline ? newline : end) - line;
    if (here > longest) longest = here;
    line += here + 1;
  }
  printf("%zu\n", longest);
  return 0;
}
