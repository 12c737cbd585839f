import type { Event } from "@pagetrail/core";

const ARENA = 0x20000000;
const ARENA_END = ARENA + 16 * 4096;

/** What touch-pages.c does to its arena, in order: calls by name, touches by page, the child's marked. */
export const TOUCHES: readonly string[] = [
  "mmap",
  "write 3",
  "write 1",
  "read 7",
  "write 7",
  "mprotect",
  "write 9",
  "write 11",
  "mincore",
  "munmap",
  "child write 3",
  "child write 10",
  "write 3",
  "munmap",
  "write 12",
];

/** What a log says of the arena of touch-pages.c, in the same words. */
export function touchesIn(events: readonly Event[]): readonly string[] {
  const inArena = events.filter(({ request }) => {
    const addr = "addr" in request ? Number(request.addr) : 0;
    return addr >= ARENA && addr < ARENA_END;
  });
  const [first] = inArena;
  return inArena.map(({ tid, request }) => {
    const who = tid === first?.tid ? "" : "child ";
    if (request.call !== "access") return who + request.call;
    return `${who}${request.kind} ${Math.floor((request.addr - ARENA) / 4096)}`;
  });
}
