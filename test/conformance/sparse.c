/* Maps 64 GB, writes to a page in each 64 MB of it, and tells how many kB of RSS and of page tables that took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without stdio, which would need pages of its own in between. */
static long field(const char *name) {
  static char text[8192];
  int fd = open("/proc/self/status", O_RDONLY);
  long length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) exit(2);
  text[length] = 0;
  return atol(strstr(text, name) + strlen(name));
}

int main(void) {
  char *place = (char *)0x200000000000;
  unsigned long size = 64ul << 30;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  field("VmPTE:");
  if (mmap(place, size, PROT_READ | PROT_WRITE, flags, -1, 0) != place) return 1;
  long pte = field("VmPTE:"), anon = field("RssAnon:");
  for (unsigned long at = 0; at < size; at += 64ul << 20) place[at] = 1;
  printf("%ld %ld\n", field("RssAnon:") - anon, field("VmPTE:") - pte);
  return 0;
}
