import { MADV, MAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, dies, flags, gives, shows, spans } from "./looks.ts";
import {
  advise,
  limit,
  map,
  mapped,
  mlockall,
  mmap,
  protect,
  read,
  touch,
  unprivileged,
  write,
} from "./operations.ts";
import { addressOfSpecial } from "./places.ts";
import { ROOT, rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
/** Pages of the guard gap. */
const GAP = 256;

/** A page that grows down, so many pages above the start of the window. */
const grower = (page: number, prot: number = PROT.READ | PROT.WRITE) =>
  mmap({ addr: at(page), flags: ANON | MAP.FIXED | MAP.GROWSDOWN, prot });

export const STACK_GROWTH = section("Mappings that grow down", [
  rule("a write below grows the mapping to the page", map("....G"), write("..A.."), shows("..GGG")),
  rule("a read below grows it too", map("....g"), read("..A.."), shows("..ggg")),
  rule(
    "growth reaches as far as the access, in one step",
    grower(2000),
    touch(at(100)),
    spans(100, 100, 2001),
  ),
  rule("the page right below grows it by one page", map("....G"), changes({ VmStk: 1 }, write("...A"))),
  rule(
    "an access above the mapping is none of its business",
    map(".G"),
    dies("SIGSEGV MAPERR", write("..A")),
    shows(".G"),
  ),
  rule("ordinary memory does not grow", map("....A"), dies("SIGSEGV MAPERR", write("...A"))),
  rule(
    "accessible memory nearer than the guard gap keeps it from growing",
    map("A"),
    grower(GAP + 2),
    dies("SIGSEGV MAPERR", touch(at(GAP))),
    touch(at(GAP + 1)),
    spans(GAP + 1, GAP + 1, GAP + 3),
  ),
  rule("a neighbour without access needs no gap", map("_"), grower(5), touch(at(1)), shows("_GGGGG")),
  rule(
    "a neighbour that grows down itself needs no gap, and does not merge",
    map("G"),
    grower(5),
    touch(at(1)),
    shows("G|GGGGG"),
  ),
  rule(
    "a neighbour that can only be executed needs its gap",
    map("A", { prot: PROT.EXEC }),
    grower(5),
    dies("SIGSEGV MAPERR", touch(at(4))),
  ),
  rule(
    "growth stops above 64 KiB",
    mmap({ addr: 0x12000, flags: ANON | MAP.FIXED | MAP.GROWSDOWN }),
    touch(0x10000),
    dies("SIGSEGV MAPERR", touch(0xf000)),
  ),
  rule(
    "growth comes before the look at the access: a refused access grows it too",
    map("....G"),
    protect("....g"),
    dies("SIGSEGV ACCERR", write("..A")),
    shows("..ggg"),
  ),
  rule(
    "a mapping without access grows as well",
    grower(4, 0),
    dies("SIGSEGV ACCERR", read("...A")),
    shows("...__"),
  ),
  rule(
    "growth counts for VmSize and VmStk",
    map("....G"),
    changes({ VmSize: 3, VmStk: 3, VmData: 0 }, touch(at(1))),
  ),
  rule(
    "locked memory that grows counts as locked",
    map("....G", { flags: MAP.LOCKED }),
    changes({ VmLck: 2 }, touch(at(2))),
    flags(2, "rd wr mr mw me gd lo ac"),
  ),
  rule(
    "locked memory does not grow beyond RLIMIT_MEMLOCK without CAP_IPC_LOCK",
    { needs: [ROOT] },
    limit("memlock", pages(3), pages(3)),
    unprivileged(),
    map("....GG", { flags: MAP.LOCKED }),
    dies("SIGSEGV MAPERR", touch(at(2))),
    touch(at(3)),
  ),
  rule(
    "under MCL_FUTURE the process's stack grows without locking what it adds",
    mlockall(2),
    does((scene) => ({ touch: addressOfSpecial(scene, "[stack]") - pages(2), write: true })),
    changes(
      { VmLck: 0, VmStk: 2 },
      does((scene) => ({ touch: addressOfSpecial(scene, "[stack]") - pages(2), write: true })),
    ),
  ),
  rule(
    "every mapping that grows down keeps the flags that advice gave it",
    map("....G"),
    advise("....G", MADV.DONTFORK),
    touch(at(2)),
    flags(2, "rd wr mr mw me gd dc ac"),
  ),
  rule(
    "MAP_GROWSDOWN memory grows again after it was cut",
    map("GGGG"),
    protect("g"),
    protect("GGGG"),
    shows("GGGG"),
    touch(at(0) - pages(3)),
    spans(0, -3, 4),
  ),
  rule(
    "the anon_vma of a stack is made before its growth is refused",
    map("....G..A"),
    limit("stack", pages(1)),
    dies("SIGSEGV MAPERR", touch(at(3))),
    shows("....G..A"),
  ),
  rule(
    "a mapping that was mapped by MAP_GROWSDOWN is placed and grows downward into its gap",
    mapped(MAP.PRIVATE | MAP.GROWSDOWN),
    gives(
      1,
      does(({ answers }) => ({ touch: Number(answers[0]) - pages(5), write: true })),
    ),
  ),
]);
