import { describe, expect, test } from "vitest";
import { NamedCaches } from "./named-caches.ts";

const LIBC = { path: "/lib/libc.so" };

describe("the page cache behind a name", () => {
  test("is the same for all who open it, and another for another name", () => {
    const caches = new NamedCaches();
    const first = caches.of(LIBC);
    expect(caches.of({ ...LIBC })).toBe(first);
    expect(caches.of({ path: "/lib/libm.so" })).not.toBe(first);
  });

  test("is another once the name was given to another file", () => {
    const caches = new NamedCaches();
    const first = caches.of(LIBC);
    caches.follow({ kind: "unlinked", path: LIBC.path });
    expect(caches.of(LIBC)).not.toBe(first);
  });

  test("goes with the file when that is renamed, over whatever stood there", () => {
    const caches = new NamedCaches();
    const [a, b] = [caches.of({ path: "/a" }), caches.of({ path: "/b" })];
    caches.follow({ kind: "renamed", from: "/a", to: "/b" });
    expect(caches.of({ path: "/b" })).toBe(a);
    expect([a, b]).not.toContain(caches.of({ path: "/a" }));
  });

  test("is exchanged with the names", () => {
    const caches = new NamedCaches();
    const [a, b] = [caches.of({ path: "/a" }), caches.of({ path: "/b" })];
    caches.follow({ kind: "exchanged", a: "/a", b: "/b" });
    expect([caches.of({ path: "/a" }), caches.of({ path: "/b" })]).toEqual([b, a]);
  });

  test("is another where the inode is seen to be another", () => {
    const caches = new NamedCaches();
    const first = caches.of(LIBC);
    expect(caches.of({ ...LIBC, inode: 7 })).toBe(first);
    expect(caches.of(LIBC)).toBe(first);
    expect(caches.of({ ...LIBC, inode: 8 })).not.toBe(first);
  });
});
