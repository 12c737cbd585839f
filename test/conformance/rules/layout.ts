import type { Child } from "@pagetrail/conformance";
import { MAP } from "@pagetrail/core";
import { pages } from "./draw.ts";
import { access, gives, named, refused, showsFrom, size, spansBytes } from "./looks.ts";
import { limit, mapped, mmap, mprotect, munmap, touch } from "./operations.ts";
import { addressOfSpecial, BASE, BOTTOM, NARROW_BASE, NARROW_TOP, TASK_SIZE, TOP } from "./places.ts";
import { BOTTOM_UP, NARROW, NARROW_BOTTOM_UP, PLAIN, rule } from "./processes.ts";
import { type Rule, section } from "./rule.ts";

const MIB = 2 ** 20;
const UNLIMITED = Number.POSITIVE_INFINITY;

const withStack = (child: Child, stackLimit: number): Child => {
  const known = STACKS.get(`${child.name} ${stackLimit}`);
  if (known) return known;
  const made = { ...child, stackLimit };
  STACKS.set(`${child.name} ${stackLimit}`, made);
  return made;
};

/** One process for all rules that are about the same: they are put to the kernel together. */
const STACKS = new Map<string, Child>();

/** Where the first mapping goes with a stack limit; the vdso's eight pages end where the area does. */
const area = (name: string, child: Child, stackLimit: number, base: number): Rule =>
  rule(name, { on: withStack(child, stackLimit) }, gives(base - pages(9), mmap()));

export const LAYOUT = section("Where exec puts things", [
  area(
    "with a stack of 8 MiB the area ends 128 MiB and a little below user space's end",
    PLAIN,
    8 * MIB,
    0x7ffff7fff000,
  ),
  area("a smaller stack leaves the same 128 MiB", PLAIN, MIB, 0x7ffff7fff000),
  area("a stack of 127 MiB just fits into the 128 MiB with its guard gap", PLAIN, 127 * MIB, 0x7ffff7fff000),
  area("a page more moves the area a page down", PLAIN, 127 * MIB + pages(1), 0x7ffff7ffe000),
  area("a stack of 1 GiB moves the area down by it and by the guard gap", PLAIN, 2 ** 30, 0x7fffbfeff000),
  area("a stack of 100 TiB leaves it a little below 28 TiB", PLAIN, 100 * 2 ** 40, 0x1bffffeff000),
  area(
    "an unlimited stack leaves a sixth of user space, and the area still fills downward",
    PLAIN,
    UNLIMITED,
    0x155555556000,
  ),
  area("a 32-bit area ends 128 MiB and two pages below 4 GiB", NARROW, 8 * MIB, 0xf7ffe000),
  area("a 32-bit stack of 1 GiB moves it down", NARROW, 2 ** 30, 0xbfefe000),
  area("a 32-bit unlimited stack leaves a sixth of 4 GiB", NARROW, UNLIMITED, 0x2aaab000),
  rule(
    "ADDR_COMPAT_LAYOUT begins at a third of user space, whatever the stack",
    { on: withStack(BOTTOM_UP, UNLIMITED) },
    gives(BOTTOM, mmap()),
  ),
  rule(
    "ADDR_COMPAT_LAYOUT begins there with a stack of 8 MiB",
    { on: BOTTOM_UP },
    gives(0x2aaaaaab3000, mmap()),
  ),
  rule(
    "a 32-bit ADDR_COMPAT_LAYOUT begins at a third of 4 GiB",
    { on: NARROW_BOTTOM_UP },
    gives(0x5555d000, mmap()),
  ),
  rule(
    "the stack's mapping ends at user space's end and has 33 pages",
    spansBytes((scene) => addressOfSpecial(scene, "[stack]"), 0x7ffffffde000, TASK_SIZE),
  ),
  rule(
    "a 32-bit stack ends two pages below 4 GiB and has 33 pages",
    { on: NARROW },
    spansBytes((scene) => addressOfSpecial(scene, "[stack]"), 0xfffdd000, 0xffffe000),
  ),
  rule(
    "the stack's limit does not move the stack",
    { on: withStack(PLAIN, UNLIMITED) },
    spansBytes((scene) => addressOfSpecial(scene, "[stack]"), 0x7ffffffde000, TASK_SIZE),
  ),
  rule(
    "a stack of less than its first mapping's 33 pages is as large as its limit",
    { on: withStack(PLAIN, pages(16)) },
    named((scene) => addressOfSpecial(scene, "[stack]"), "[stack]"),
  ),
  rule(
    "vvar, vvar_vclock and vdso follow one another up to the area's end",
    showsFrom(TOP, "vvvv|vv|vv"),
    named(TOP, "[vvar]"),
    named(TOP + pages(4), "[vvar_vclock]"),
    named(BASE - pages(2), "[vdso]"),
  ),
  rule(
    "the same in a 32-bit process",
    { on: NARROW },
    showsFrom(NARROW_TOP, "vvvv|vv|vv"),
    named(NARROW_BASE - pages(2), "[vdso]"),
  ),
  rule(
    "the same upward from the base of ADDR_COMPAT_LAYOUT",
    { on: BOTTOM_UP },
    named(0x2aaaaaaab000, "[vvar]"),
    named(0x2aaaaaab1000, "[vdso]"),
  ),
  rule("the vdso is executable, vvar only readable", access(TOP, "r--p"), access(BASE - pages(1), "r-xp")),
  rule(
    "the heap begins at the page behind the program's bss",
    named(({ start }) => start.brk - pages(1), ""),
    gives(({ start }) => start.brk, { doing: { request: { call: "brk", addr: 0 } }, looks: [] }),
  ),
  rule(
    "the vsyscall page is none that a call knows",
    refused("ENOMEM", mprotect(0xffffffffff600000n, pages(1), 1)),
    refused("EINVAL", munmap(0xffffffffff600000n, pages(1))),
  ),
  rule(
    "the page below user space's end is the stack's; nothing maps beyond",
    refused("ENOMEM", mmap({ addr: TASK_SIZE, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED })),
  ),
  rule(
    "a limit lowered later leaves the area where it is",
    limit("stack", pages(64)),
    gives(TOP - pages(1), mapped(MAP.PRIVATE)),
  ),
  rule(
    "the stack grows down to a limit raised later",
    limit("stack", 64 * MIB),
    touch(TASK_SIZE - 32 * MIB),
    size("VmStk", 8192),
  ),
]);
