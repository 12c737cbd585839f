import type { Operation } from "@pagetrail/conformance";
import { MAP, type Sysctl } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { flags, gives, heap, refused, shows } from "./looks.ts";
import {
  attach,
  map,
  mapped,
  mmap,
  mmapping,
  mprotect,
  munmap,
  request,
  shmdt,
  touch,
} from "./operations.ts";
import { rule } from "./processes.ts";
import { does, type Scene, type Step, section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const P = pages(1);

/** Pages of RAM and swap. */
const all = ({ surroundings: { profile } }: Scene): number =>
  profile.sysctl.totalPages + profile.sysctl.swapPages;

/** Maps as many pages as there are, and so many more. */
const mapAll = (more: number, flagBits: number = ANON, prot = 3): Step =>
  does((scene) => mmapping({ length: pages(all(scene) + more), flags: flagBits, prot }));

const mapAllOf = (fd: number, more: number): Step =>
  does((scene) => mmapping({ length: pages(all(scene) + more), flags: MAP.PRIVATE, fd }));

/** Overcommit mode 0: each request by itself. */
export const OVERCOMMIT_GUESS = section("Overcommit mode 0", [
  rule("a request for all RAM and swap is granted", mapAll(0)),
  rule("a page more is ENOMEM", refused("ENOMEM", mapAll(1))),
  rule("requests do not add up", mapAll(0), mapAll(0), mapAll(0)),
  rule("MAP_NORESERVE asks for nothing", mapAll(1, ANON | MAP.NORESERVE)),
  rule("memory that is not writable asks for nothing", mapAll(1, ANON, 1), mapAll(1, ANON, 0)),
  rule(
    "memory that becomes writable asks for it then",
    map("_"),
    does((scene) =>
      mmapping({ addr: at(0), length: pages(all(scene) + 1), prot: 0, flags: ANON | MAP.FIXED }),
    ),
    refused(
      "ENOMEM",
      does((scene) => request({ call: "mprotect", addr: at(0), length: pages(all(scene) + 1), prot: 3 })),
    ),
    does((scene) => request({ call: "mprotect", addr: at(0), length: pages(all(scene)), prot: 3 })),
    mprotect(at(0), P, 1),
  ),
  rule(
    "shared anonymous memory asks for it, readable or not",
    refused("ENOMEM", mapAll(1, MAP.SHARED | MAP.ANONYMOUS)),
    refused("ENOMEM", mapAll(1, MAP.SHARED | MAP.ANONYMOUS, 1)),
    mapAll(0, MAP.SHARED | MAP.ANONYMOUS, 1),
  ),
  rule(
    "shared anonymous memory with MAP_NORESERVE does not",
    mapAll(1, MAP.SHARED | MAP.ANONYMOUS | MAP.NORESERVE),
  ),
  rule("a private writable file asks for it", refused("ENOMEM", mapAllOf(20, 1)), mapAllOf(20, 0)),
  rule("droppable memory asks for nothing", mapAll(1, MAP.DROPPABLE | MAP.ANONYMOUS)),
  rule(
    "memory that grows down asks for it",
    refused("ENOMEM", mapAll(1, ANON | MAP.GROWSDOWN)),
    mapAll(0, ANON | MAP.GROWSDOWN),
  ),
  rule("what replaces accounted memory asks only for what is more", mapAllAt(0), mapAllAt(1), shows("A")),
  rule(
    "mremap asks for the growth",
    map("A"),
    refused(
      "ENOMEM",
      does((scene) =>
        request({
          call: "mremap",
          addr: at(0),
          oldLength: P,
          newLength: pages(all(scene) + 2),
          flags: 0,
          newAddr: 0,
        }),
      ),
    ),
    does((scene) =>
      request({
        call: "mremap",
        addr: at(0),
        oldLength: P,
        newLength: pages(all(scene) + 1),
        flags: 0,
        newAddr: 0,
      }),
    ),
  ),
  rule("MREMAP_DONTUNMAP asks for the whole copy", mapAllAt(0), mremapAll(0)),
  rule(
    "brk answers the old break for more than there is",
    gives(
      heap(0),
      does((scene) => request({ call: "brk", addr: scene.start.brk + pages(all(scene) + 1) })),
    ),
  ),
  rule(
    "a refusal leaves what was there",
    map("AA"),
    refused(
      "ENOMEM",
      does((scene) => mmapping({ addr: at(1), length: pages(all(scene) + 2), flags: ANON | MAP.FIXED })),
    ),
    shows("A|A"),
  ),
]);

function mapAllAt(more: number): Step {
  return does((scene) =>
    mmapping({ addr: at(0), length: pages(all(scene) + more), flags: ANON | MAP.FIXED }),
  );
}

function mremapAll(more: number): Step {
  return does((scene) => {
    const length = pages(all(scene) + more);
    return request({
      call: "mremap",
      addr: at(0),
      oldLength: length,
      newLength: length,
      flags: 5,
      newAddr: 2 ** 44,
    });
  });
}

/** Overcommit mode 1: never refused. */
export const OVERCOMMIT_ALWAYS = section("Overcommit mode 1", [
  rule("more than there is is granted", mapAll(1), mmap({ length: 2 ** 46 })),
  rule("shared anonymous memory of any size is granted", mapAll(1, MAP.SHARED | MAP.ANONYMOUS)),
  rule("memory is accounted all the same", map("A"), flags(0, "rd wr mr mw me ac")),
  rule("MAP_NORESERVE still leaves memory out of the account", map("N"), flags(0, "rd wr mr mw me nr")),
  rule(
    "memory of any size becomes writable",
    does((scene) =>
      mmapping({ addr: at(0), length: pages(all(scene) + 1), prot: 0, flags: ANON | MAP.FIXED }),
    ),
    does((scene) => request({ call: "mprotect", addr: at(0), length: pages(all(scene) + 1), prot: 3 })),
  ),
  rule("only the address space is a limit", refused("ENOMEM", mmap({ length: 2 ** 47 }))),
]);

/** Other processes commit and give back meanwhile: so many pages may be more or less than was read. */
const NOISE = 2 ** 15;

/** Pages that strict overcommit has left for this process, as the documents of /proc/sys/vm say. */
function left({ surroundings: { profile, committed }, before }: Scene): number {
  const { sysctl } = profile;
  const kb = (n: number): number => Math.floor(n / 4);
  const share = Math.floor((sysctl.totalPages * sysctl.overcommitRatio) / 100);
  const limit = (sysctl.overcommitKbytes > 0 ? kb(sysctl.overcommitKbytes) : share) + sysctl.swapPages;
  const admin = profile.capabilities.sysAdmin ? 0 : kb(sysctl.adminReserveKbytes);
  const user = Math.min(Math.floor((before.sizes.VmSize ?? 0) / 4 / 32), kb(sysctl.userReserveKbytes));
  return limit - admin - user - committed;
}

const mapLeft = (more: number, flagBits: number = ANON, prot = 3): Step =>
  does(
    (scene): Operation =>
      mmapping({ addr: at(0), length: pages(left(scene) + more), flags: flagBits | MAP.FIXED, prot }),
  );

/** Accounted memory of a little more than half of what is left. */
const halfAndMore = does((scene) =>
  mmapping({ addr: at(0), length: pages(Math.ceil(left(scene) / 2) + NOISE), flags: ANON | MAP.FIXED }),
);

const mapLeftAt = (addr: number, more: number): Step =>
  does((scene) => mmapping({ addr, length: pages(left(scene) + more), flags: ANON | MAP.FIXED }));

/** Overcommit mode 2: the sum of all requests is bounded. */
export const OVERCOMMIT_NEVER = section("Overcommit mode 2", [
  rule("a request for almost all that is left is granted", mapLeft(-NOISE)),
  rule("a request for more than is left is ENOMEM", refused("ENOMEM", mapLeft(NOISE))),
  rule("requests add up", mapLeft(-NOISE), refused("ENOMEM", mmap({ length: pages(3 * NOISE) }))),
  rule(
    "what is unmapped is given back",
    mapLeft(-NOISE),
    does(({ before }) => request({ call: "munmap", addr: at(0), length: lastVma(before) })),
    mapLeft(-NOISE),
  ),
  rule(
    "MAP_NORESERVE counts for nothing: the memory is accounted",
    map("N"),
    flags(0, "rd wr mr mw me ac"),
    refused("ENOMEM", mapLeft(NOISE, ANON | MAP.NORESERVE)),
  ),
  rule("droppable memory asks for nothing all the same", mapLeft(NOISE, MAP.DROPPABLE | MAP.ANONYMOUS)),
  rule("huge pages that are not reserved are still so", mapped(MAP.PRIVATE | MAP.HUGETLB | MAP.NORESERVE)),
  rule(
    "memory that is not writable asks for nothing until it is",
    mapLeft(NOISE, ANON, 1),
    refused(
      "ENOMEM",
      does(({ before }) => request({ call: "mprotect", addr: at(0), length: lastVma(before), prot: 3 })),
    ),
  ),
  rule(
    "shared anonymous memory is charged, MAP_NORESERVE or not",
    refused("ENOMEM", mapLeft(NOISE, MAP.SHARED | MAP.ANONYMOUS)),
    refused("ENOMEM", mapLeft(NOISE, MAP.SHARED | MAP.ANONYMOUS | MAP.NORESERVE, 1)),
  ),
  rule(
    "a segment is charged as a whole when it is made, and given back when it is gone",
    attach(at(0), pages(3 * NOISE)),
    refused("ENOMEM", mapLeftAt(2 ** 40, -NOISE)),
    shmdt(at(0)),
    mapLeftAt(2 ** 40, -NOISE),
  ),
  rule(
    "a child of more than is left twice is ENOMEM",
    halfAndMore,
    refused("ENOMEM", does({ fork: "go on" })),
    shows("AAAA"),
  ),
  rule("a child of less is granted", map("AA"), does({ fork: "go on" }), shows("AA")),
  rule(
    "brk answers the old break for more than is left",
    gives(
      heap(0),
      does((scene) => request({ call: "brk", addr: scene.start.brk + pages(left(scene) + NOISE) })),
    ),
  ),
  rule(
    "mremap beyond what is left is ENOMEM",
    map("A"),
    refused(
      "ENOMEM",
      does((scene) =>
        request({
          call: "mremap",
          addr: at(0),
          oldLength: P,
          newLength: pages(left(scene) + NOISE),
          flags: 0,
          newAddr: 0,
        }),
      ),
    ),
  ),
  rule("a write to what was granted succeeds", mapLeft(-NOISE), touch(at(3)), munmap(at(0), P)),
]);

/** Bytes of the mapping at the start of the window. */
function lastVma(before: Scene["before"]): number {
  const vma = before.vmas.find((v) => v.start === at(0));
  if (!vma) throw new Error("nothing is mapped");
  return vma.end - vma.start;
}

export const STRICT: Partial<Sysctl> = { overcommitMemory: 2, overcommitRatio: 50 };
export const ALWAYS: Partial<Sysctl> = { overcommitMemory: 1 };
