/* Touches known pages of one mapping in a known order, and says nothing else of memory in between. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA ((char *)0x20000000)
#define PAGE(n) (ARENA + (n) * 4096)

static void store(int n) { *(volatile char *)PAGE(n) = 1; }
static void load(int n) { (void)*(volatile char *)PAGE(n); }

int main(void) {
  mmap(ARENA, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  store(3);
  store(1);
  load(7);
  store(7);
  mprotect(PAGE(1), 4096, PROT_READ);
  store(9);
  /* The kernel writes its answer into a page that nobody has touched. */
  mincore(PAGE(0), 4096, (unsigned char *)PAGE(11));
  munmap(PAGE(14), 4096);
  if (fork() == 0) {
    store(3);
    store(10);
    _exit(0);
  }
  wait(NULL);
  store(3);
  munmap(PAGE(8), 4096);
  store(12);
  return 0;
}
