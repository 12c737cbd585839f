import { MADV, MAP, MREMAP } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, dies, gives, heap, refused, shows } from "./looks.ts";
import {
  advise,
  attach,
  brk,
  fork,
  lock,
  map,
  mapped,
  mmap,
  move,
  mremap,
  protect,
  seal,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { FILLABLE, rule } from "./processes.ts";
import { does, type Part, type Rule, type Step, section } from "./rule.ts";

const { MAYMOVE, FIXED, DONTUNMAP } = MREMAP;

/** Above the window and the heap, below everything else. */
const FILL = 2 ** 40;

/** Makes so many mappings that only this many more can be made below vm.max_map_count. */
const room = (left: number): readonly Step[] => (left < 0 ? [filled(0), beyond] : [filled(left)]);

/** One mapping more, where none is near: mmap alone can go beyond the limit. */
const beyond = mmap({ addr: 2 * FILL, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED });

const filled = (left: number): Step =>
  does(({ before, surroundings }) => {
    const count = surroundings.profile.sysctl.maxMapCount - before.vmas.length - left;
    return { fill: { addr: FILL, count } };
  });

const full = (name: string, ...parts: readonly Part[]): Rule => rule(name, { needs: [FILLABLE] }, ...parts);

export const MAP_COUNT = section("vm.max_map_count", [
  full(
    "mmap makes one mapping more than the limit",
    map("A.A.A"),
    room(0),
    mapped(MAP.PRIVATE, { prot: 1 }),
    refused("ENOMEM", mapped(MAP.PRIVATE, { prot: 1, addr: at(20) })),
  ),
  full(
    "beyond the limit even a mapping that would join another is ENOMEM",
    map("A"),
    room(-1),
    refused("ENOMEM", map(".A")),
  ),
  full(
    "at the limit a mapping that joins another is granted",
    map("A"),
    room(0),
    changes({ VMAs: 0 }, map(".A")),
    changes({ VMAs: 0 }, map("..A")),
  ),
  full(
    "beyond the limit an unaligned fixed address is ENOMEM rather than EINVAL",
    room(-1),
    refused("ENOMEM", mmap({ addr: at(0, 1), flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED })),
  ),
  full("beyond the limit no length is EINVAL all the same", room(-1), refused("EINVAL", mmap({ length: 0 }))),
  full(
    "brk makes one mapping more than the limit",
    room(0),
    changes({ VMAs: 1 }, gives(heap(pages(1)), brk(pages(1)))),
    gives(heap(pages(1)), brk(pages(2))),
  ),
  full("beyond the limit brk shrinks", brk(pages(3)), room(-1), gives(heap(pages(1)), brk(pages(1)))),
  full(
    "at the limit munmap of an inner part is ENOMEM",
    map("AAAA"),
    room(0),
    refused("ENOMEM", unmap(".xx")),
    shows("AAAA"),
  ),
  full("one below the limit it is granted", map("AAAA"), room(1), unmap(".xx"), shows("A..A")),
  full(
    "beyond the limit munmap still cuts the ends off",
    map("AAAA"),
    room(-1),
    unmap("x"),
    unmap("...x"),
    shows(".AA."),
  ),
  full(
    "beyond the limit munmap of the ends of two mappings is granted",
    map("AAaa"),
    room(-1),
    unmap(".xx"),
    shows("A..a"),
  ),
  full(
    "beyond the limit munmap of whole mappings is granted",
    map("AAaa"),
    room(-1),
    changes({ VMAs: -2 }, unmap("xxxx")),
  ),
  full(
    "at the limit an mprotect that must cut is ENOMEM",
    map("AAAA"),
    room(0),
    refused("ENOMEM", protect("a")),
    refused("ENOMEM", protect("...a")),
    shows("AAAA"),
  ),
  full("one below the limit it may cut once", map("AAAA"), room(1), protect("a"), shows("aAAA")),
  full(
    "one below the limit a second cut is ENOMEM, and the first stays",
    map("AAAA"),
    room(1),
    refused("ENOMEM", protect(".a")),
    shows("A|AAA"),
  ),
  full(
    "at the limit an mprotect of whole mappings is granted",
    map("AAaa"),
    room(-1),
    protect("__"),
    shows("__aa"),
  ),
  full(
    "at the limit an mprotect that only moves a boundary is granted",
    map("AAaa"),
    room(-1),
    protect(".aa"),
    shows("Aaaa"),
  ),
  full(
    "a failed mprotect takes its charge back",
    map("aaaa"),
    room(0),
    refused("ENOMEM", protect(".A")),
    shows("aaaa"),
  ),
  full(
    "at the limit advice that must cut is EAGAIN",
    map("AAAA"),
    room(0),
    refused("EAGAIN", advise(".A", MADV.DONTFORK)),
    shows("AAAA"),
  ),
  full(
    "one below the limit the second cut of advice is EAGAIN, and the first stays",
    map("AAAA"),
    room(1),
    refused("EAGAIN", advise(".A", MADV.DONTFORK)),
    shows("A|AAA"),
  ),
  full(
    "at the limit mlock of a part is ENOMEM",
    map("AAAA"),
    room(0),
    changes({ VmLck: 0 }, refused("ENOMEM", lock(".A"))),
    shows("AAAA"),
  ),
  full(
    "at the limit mseal of a part is ENOMEM",
    map("AAAA"),
    room(0),
    refused("ENOMEM", seal(".E")),
    shows("AAAA"),
  ),
  full(
    "at the limit a fixed mapping inside another is ENOMEM",
    map("AAAA"),
    room(0),
    refused("ENOMEM", map(".aa")),
    shows("AAAA"),
  ),
  full(
    "at the limit a fixed mapping over the end of another is granted",
    map("AAAA"),
    room(0),
    map("..aaa"),
    shows("AAaaa"),
  ),
  full(
    "at the limit a fixed mapping in place of another is granted",
    map("AAAA"),
    room(0),
    changes({ VMAs: 0 }, map("aaaa")),
    shows("aaaa"),
  ),
  full(
    "mremap moves only with four mappings below the limit to spare",
    map("AAa"),
    room(3),
    refused("ENOMEM", move("AA", "AAAA", MAYMOVE)),
    shows("AAa"),
  ),
  full("with four it moves", map("AAa"), room(4), move("AA", "AAAA", MAYMOVE), shows("..a")),
  full(
    "mremap to a given address needs six to spare",
    map("AA"),
    room(5),
    refused("ENOMEM", move("AA", "....AA", MAYMOVE | FIXED)),
    shows("AA...."),
  ),
  full("with six it moves", map("AA"), room(6), move("AA", "....AA", MAYMOVE | FIXED), shows("....AA")),
  full(
    "the room for a given address is looked at before the mapping",
    room(5),
    refused("ENOMEM", move("AA", "....AA", MAYMOVE | FIXED)),
  ),
  full(
    "the overlap of the ranges is looked at before that",
    map("AA"),
    room(5),
    refused("EINVAL", move("AA", ".AA", MAYMOVE | FIXED)),
  ),
  full(
    "MREMAP_DONTUNMAP needs six to spare too",
    map("AA"),
    room(5),
    refused("ENOMEM", mremap(at(0), pages(2), pages(2), MAYMOVE | DONTUNMAP)),
  ),
  full("mremap grows in place beyond the limit", map("AA"), room(-1), move("AA", "AAAA", 0), shows("AAAA")),
  full("mremap shrinks beyond the limit", map("AAAA"), room(-1), move("AAAA", "AA", 0), shows("AA..")),
  full(
    "at the limit mremap shrinks a part inside a mapping: ENOMEM",
    map("AAAA"),
    room(0),
    refused("ENOMEM", mremap(at(0), pages(2), pages(1), 0)),
    shows("AAAA"),
  ),
  full("memory that grows down grows beyond the limit", map("....G"), room(-1), touch(at(2)), shows("..GGG")),
  full(
    "beyond the limit a fault on nothing is SIGSEGV as ever",
    room(-1),
    dies("SIGSEGV MAPERR", write("A")),
  ),
  full("a segment beyond the limit is ENOMEM", room(-1), refused("ENOMEM", attach(0, pages(1)))),
  full(
    "a fork beyond the limit is granted",
    map("A"),
    room(-1),
    fork(),
    refused("ENOMEM", map("...A")),
    shows("A..."),
  ),
  full(
    "what becomes free can be used again",
    map("A.A"),
    room(0),
    unmap("x"),
    map("....a"),
    map("a"),
    refused("ENOMEM", map("......A")),
    shows("a.A.a"),
  ),
]);
