/*
 * Does with huge pages what the lines of its standard input say, and prints after each what came of it, and
 * HugePages_Free and HugePages_Rsvd. `p` and `c` are the process and its one child; n and i count huge pages.
 *
 *   m who slot kind noreserve i n   maps n pages at a slot: 0 private, 1 shared, 2 shared and 3 private of the file from page i
 *   w who slot i, r who slot i      writes to page i, or reads it
 *   d who slot i, h who slot i      MADV_DONTNEED, or MADV_REMOVE: a hole in the file
 *   u who slot i n                  munmap
 *   v who slot i n to               mremap to another slot
 *   T n                             the file has n pages from now on
 *   f, x                            fork, and the child's exit
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE (2UL << 20)
#define SLOT(n) ((char *)0x200000000000 + (n) * 32 * HUGE)

static int file;
static sigjmp_buf caught;

static void on_signal(int number)
{
	siglongjmp(caught, number);
}

static int touch(volatile char *at, int write)
{
	int number = sigsetjmp(caught, 1);

	if (number == 0) {
		if (write)
			*at = 1;
		else
			(void)*at;
	}
	return number;
}

static int map(char *at, int kind, int noreserve, unsigned long i, unsigned long n)
{
	int flags = MAP_FIXED | (noreserve ? MAP_NORESERVE : 0);

	flags |= kind == 1 || kind == 2 ? MAP_SHARED : MAP_PRIVATE;
	if (kind < 2)
		flags |= MAP_ANONYMOUS | MAP_HUGETLB;
	return mmap(at, n * HUGE, PROT_READ | PROT_WRITE, flags, kind < 2 ? -1 : file,
		    kind < 2 ? 0 : i * HUGE) == MAP_FAILED ? errno : 0;
}

/* 0, or the errno or signal that it ended with. */
static int execute(const char *line)
{
	char what, who;
	unsigned long a[5] = { 0 };

	sscanf(line, "%c %c %lu %lu %lu %lu %lu", &what, &who, &a[0], &a[1], &a[2], &a[3], &a[4]);
	char *at = SLOT(a[0]) + a[1] * HUGE;

	switch (what) {
	case 'm':
		return map(SLOT(a[0]), a[1], a[2], a[3], a[4]);
	case 'w':
	case 'r':
		return touch(at, what == 'w');
	case 'd':
	case 'h':
		return madvise(at, HUGE, what == 'd' ? MADV_DONTNEED : MADV_REMOVE) ? errno : 0;
	case 'u':
		return munmap(at, a[2] * HUGE) ? errno : 0;
	case 'v':
		return mremap(at, a[2] * HUGE, a[2] * HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, SLOT(a[3])) == MAP_FAILED ? errno : 0;
	}
	return -1;
}

static void serve(int in, int out)
{
	char line[200];

	while (read(in, line, sizeof line) == sizeof line) {
		int end = execute(line);

		if (write(out, &end, sizeof end) != sizeof end)
			break;
	}
	_exit(0);
}

static void report(int end)
{
	FILE *meminfo = fopen("/proc/meminfo", "r");
	char line[200];
	long value;

	printf("%d", end);
	while (fgets(line, sizeof line, meminfo))
		if (sscanf(line, "HugePages_Free: %ld", &value) == 1 || sscanf(line, "HugePages_Rsvd: %ld", &value) == 1)
			printf(" %ld", value);
	printf("\n");
	fclose(meminfo);
}

int main(void)
{
	char line[200] = { 0 };
	int to[2], from[2], end;
	pid_t child = 0;

	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	file = memfd_create("huge", MFD_HUGETLB);
	while (fgets(line, sizeof line, stdin)) {
		end = 0;
		if (line[0] == 'f') {
			fflush(stdout);
			if (pipe(to) || pipe(from))
				return 1;
			child = fork();
			if (child == 0) {
				close(to[1]);
				close(from[0]);
				serve(to[0], from[1]);
			}
			close(to[0]);
			close(from[1]);
		} else if (line[0] == 'x') {
			close(to[1]);
			close(from[0]);
			waitpid(child, NULL, 0);
		} else if (line[0] == 'T') {
			end = ftruncate(file, strtoul(line + 2, NULL, 10) * HUGE) ? errno : 0;
		} else if (line[2] == 'c') {
			if (write(to[1], line, sizeof line) != sizeof line || read(from[0], &end, sizeof end) != sizeof end)
				return 1;
		} else {
			end = execute(line);
		}
		report(end);
	}
	return 0;
}
