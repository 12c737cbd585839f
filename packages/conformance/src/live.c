/*
 * Executes requests on the running kernel and prints what came of each: the result, every mapping with its
 * VmFlags, and the sizes of the address space.
 *
 * usage: live FILE PERSONALITY STACK < COMMANDS, the last two in hex
 * A run of commands is a line "b", then commands, then a line "e"; every run has a process of its own.
 *   s NR A B C D E F   the system call NR
 *   s ... : W W ...    the same, where an argument @ is the address of the words
 *   a EVENTS           io_setup: answers the context
 *   w ADDR, r ADDR     write or read one byte there; a signal is answered as -(0x10000 + 256 * number + si_code)
 *   v ADDR LEN         mincore
 *   m ADDR FLAGS SIZE  attach a new System V segment
 *   l RESOURCE SOFT HARD, k  set a resource limit; give up CAP_IPC_LOCK and CAP_SYS_RAWIO
 *   p ADDR COUNT       COUNT mappings of a page each from ADDR on; mappings from there on are not reported then
 *   f, c               fork: go on in the child; fork a child that exits
 *   t COUNT            the next COUNT lines are system calls: makes them without a report between, and answers
 *                      the nanoseconds that they took
 */
#include "program.h"

static void report(long result) {
  u64 number = (word)result;
  print('=', &number, 1);
  print_filtered("/proc/self/smaps");
  print_filtered("/proc/self/status");
}

/* Words that a call may point to. */
static word data[64];

static const char *parse(const char *at, u64 *numbers, int count) {
  for (int i = 0; i < count; i++) {
    numbers[i] = 0;
    while (*at == ' ') at++;
    if (*at == '@') {
      numbers[i] = (word)data;
      at++;
    }
    for (; *at && *at != ' ' && *at != ':'; at++) numbers[i] = numbers[i] * 16 + (u64)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  }
  return at;
}

static void parse_data(const char *at) {
  for (int i = 0; i < 64 && *at; i++) {
    u64 number;
    at = parse(at, &number, 1);
    data[i] = (word)number;
  }
}

static long execute(char *line) {
  u64 n[7];
  const char *rest = parse(line + 1, n, 7);
  while (*rest == ' ') rest++;
  if (*rest == ':') parse_data(rest + 1);
  switch (line[0]) {
  case 's': return sys((long)n[0], (long)n[1], (long)n[2], (long)n[3], (long)n[4], (long)n[5], (long)n[6]);
  case 'w': return touch((word)n[0], 1);
  case 'r': return touch((word)n[0], 0);
  case 'v': return mincore((long)n[0], (long)n[1]);
  case 'm': return attach((long)n[0], (long)n[1], (long)n[2]);
  case 'a': return setup_ring((long)n[0]);
  case 'p': return fill((long)n[0], (long)n[1]);
  case 'l': return limit((long)n[0], n[1], n[2]);
  case 'k': return drop_capabilities();
  case 'f': return branch(1);
  case 'c': return branch(0);
  default: return -38;
  }
}

static u64 now(void) {
  u64 time[2];
  call(CLOCK_GETTIME, 1, (long)time, 0);
  return time[0] * 1000000000 + time[1];
}

enum { BATCH = 1 << 17 };

static long timed(u64 count, long *offset) {
  static u64 calls[BATCH][7];
  char line[256];
  if (count > BATCH) return -7;
  for (u64 i = 0; i < count && next_line(line, sizeof line, offset); i++) parse(line + 1, calls[i], 7);
  u64 begun = now();
  for (u64 i = 0; i < count; i++) {
    const u64 *n = calls[i];
    sys((long)n[0], (long)n[1], (long)n[2], (long)n[3], (long)n[4], (long)n[5], (long)n[6]);
  }
  return (long)(now() - begun);
}

static long obey(char *line, long *offset) {
  u64 count;
  if (line[0] != 't') return execute(line);
  parse(line + 1, &count, 1);
  return timed(count, offset);
}

static void run(long offset, word stack) {
  char line[1024];
  u64 start[12] = {stack, (word)call(BRK, 0, 0, 0), [10] = opened[0], [11] = opened[1]};
  const int resources[4] = {9, 2, 3, 8};
  for (int i = 0; i < 4; i++) sys(PRLIMIT, 0, resources[i], 0, (long)(start + 2 + 2 * i), 0, 0);
  /* A program that an operation has broken must not run for ever. */
  limit(0, 60, 60);
  print('b', start, 12);
  print_filtered("/proc/self/stat");
  report(0);
  while (next_line(line, sizeof line, &offset) && line[0] != 'e') report(obey(line, &offset));
  call(EXIT, 0, 0, 0);
}

__attribute__((used)) static void start(word *stack) {
  char line[1024];
  long offset = 0;
  u64 personality, limit;
  char **argv = (char **)(stack + 1);
  parse(argv[2], &personality, 1);
  parse(argv[3], &limit, 1);
  settle((word)personality, limit, argv, argv + stack[0] + 1);
  catch_faults();
  open_files(argv[1]);
  while (next_line(line, sizeof line, &offset)) {
    if (line[0] != 'b') continue;
    long child = call(FORK, 0, 0, 0);
    if (child == 0) run(offset, (word)stack);
    sys(WAIT4, child, 0, 0, 0, 0, 0);
    print('e', 0, 0);
  }
  call(EXIT, 0, 0, 0);
}
