import { MADV, type Word } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { flags, gives, heap, refused, shows } from "./looks.ts";
import {
  advise,
  brk,
  brkTo,
  FD,
  fork,
  map,
  prctl,
  processMadvise,
  processMrelease,
  request,
} from "./operations.ts";
import { NO_SYS_RESOURCE, rule } from "./processes.ts";
import { does, type Scene, type Step, section } from "./rule.ts";

const P = pages(1);

type Fields = Partial<Record<"endCode" | "brk" | "startStack" | "argStart", number>>;

/** struct prctl_mm_map with the program's own values, some moved by so many bytes; no vector, no file. */
function mapOf({ start }: Scene, by: Fields): readonly Word[] {
  const { startCode, endCode, startData, endData, brk, stackPointer } = start;
  return [
    ...[startCode, endCode + (by.endCode ?? 0), startData, endData, brk, brk + (by.brk ?? 0)],
    ...[stackPointer + (by.startStack ?? 0), stackPointer + (by.argStart ?? 0)],
    ...[stackPointer, stackPointer, stackPointer, 0, 0xffffffffn << 32n],
  ];
}

const setMap = (by: Fields): Step =>
  does((scene) => request({ call: "prctl", option: 35, arg: 14, arg3: 0, arg4: 104, map: mapOf(scene, by) }));

/** Two ranges, of which the second is the first's continuation. */
const PAIR = [
  [at(0), P],
  [at(1), P],
] as const;

export const OTHER_CALLS = section("Calls about all of a process's memory", [
  rule(
    "process_madvise answers the bytes that it advised",
    map("AAA"),
    gives(pages(2), processMadvise(PAIR, MADV.DONTFORK)),
    shows("CCA"),
  ),
  rule(
    "a range that is refused ends it, and what is before counts",
    map("A"),
    gives(P, processMadvise(PAIR, MADV.DONTFORK)),
    shows("C."),
  ),
  rule(
    "a first range that is refused is its errno",
    map(".A"),
    refused("ENOMEM", processMadvise(PAIR, MADV.DONTFORK)),
    shows(".A"),
  ),
  rule(
    "ranges without length are passed over",
    map("AA"),
    gives(
      P,
      processMadvise(
        [
          [at(0), 0],
          [at(1), P],
        ],
        MADV.DONTFORK,
      ),
    ),
    shows("AC"),
  ),
  rule(
    "of ranges without length only the first is looked at",
    map("AA"),
    gives(
      pages(2),
      processMadvise(
        [
          [at(0), P],
          [at(9, 8), 0],
          [at(1), P],
        ],
        MADV.DONTFORK,
      ),
    ),
    refused(
      "EINVAL",
      processMadvise(
        [
          [at(9, 8), 0],
          [at(9, 8), 0],
          [at(1), P],
        ],
        MADV.DOFORK,
      ),
    ),
    shows("CC"),
  ),
  rule(
    "only ranges without length are granted, whatever the advice",
    gives(0, processMadvise([], 77)),
    gives(0, processMadvise([[at(0), 0]], 77)),
  ),
  rule("flags are EINVAL", map("AA"), refused("EINVAL", processMadvise(PAIR, MADV.NORMAL, { flags: 1 }))),
  rule("unknown advice is EINVAL", map("AA"), refused("EINVAL", processMadvise(PAIR, 77))),
  rule(
    "half of all memory is EINVAL, and more than a program has is EFAULT",
    refused("EINVAL", processMadvise([[at(0), 2n ** 63n]], MADV.NORMAL)),
    refused(
      "EFAULT",
      processMadvise(
        [
          [at(0), P],
          [at(1), 2n ** 62n],
        ],
        MADV.NORMAL,
      ),
    ),
  ),
  rule(
    "one range alone is cut off before it is looked at",
    map("A"),
    refused("ENOMEM", processMadvise([[at(0), 2n ** 62n]], MADV.DONTFORK)),
    shows("C"),
  ),
  rule(
    "a descriptor that is not open is EBADF, after the ranges and before the advice",
    refused("EBADF", processMadvise(PAIR, 77, { target: -1 })),
    refused("EINVAL", processMadvise(PAIR, MADV.NORMAL, { target: -1, flags: 1 })),
    refused(
      "EFAULT",
      processMadvise(
        [
          [at(0), P],
          [2n ** 63n, P],
        ],
        MADV.NORMAL,
        { target: -1 },
      ),
    ),
  ),
  rule(
    "a process may give itself every advice",
    map("AA"),
    processMadvise(PAIR, MADV.WIPEONFORK),
    processMadvise(PAIR, MADV.DONTNEED),
    shows("WW"),
  ),
  rule("process_mrelease of a living process is EINVAL", refused("EINVAL", processMrelease(0))),
  rule(
    "process_mrelease with flags is EINVAL, of no descriptor EBADF",
    refused("EINVAL", processMrelease(-1, 1)),
    refused("EBADF", processMrelease(-1)),
  ),
  rule(
    "PR_SET_MEMORY_MERGE makes all memory mergeable that can be",
    map("AaSMFG"),
    prctl(67, 1),
    flags(0, "rd wr mr mw me ac mg"),
    flags(1, "rd mr mw me mg"),
    flags(2, "rd wr sh mr mw me ms"),
    flags(4, "rd wr mr mw me ac mg"),
    flags(5, "rd wr mr mw me gd ac mg"),
  ),
  rule(
    "PR_SET_MEMORY_MERGE makes later memory mergeable too, and the heap",
    prctl(67, 1),
    map("AD"),
    flags(0, "rd wr mr mw me ac mg"),
    flags(1, "rd wr mr mw me nr wf dd dp"),
    brk(P),
    flags(({ start }) => start.brk, "rd wr mr mw me ac mg"),
  ),
  rule("later memory joins what is there", map("A"), prctl(67, 1), map(".A"), shows("AA")),
  rule(
    "nothing joins for PR_SET_MEMORY_MERGE alone",
    map("AA"),
    advise("A", MADV.MERGEABLE),
    prctl(67, 1),
    shows("A|A"),
  ),
  rule(
    "taking it back takes every mark away, and joins nothing",
    map("AA"),
    advise("A", MADV.MERGEABLE),
    prctl(67, 1),
    prctl(67, 0),
    flags(0, "rd wr mr mw me ac"),
    shows("A|A"),
  ),
  rule(
    "taking back what was not set leaves the marks",
    map("A"),
    advise("A", MADV.MERGEABLE),
    prctl(67, 0),
    flags(0, "rd wr mr mw me ac mg"),
  ),
  rule(
    "PR_GET_MEMORY_MERGE answers it, and a child has it",
    gives(0, prctl(68, 0)),
    prctl(67, 5),
    gives(1, prctl(68, 0)),
    fork(),
    gives(1, prctl(68, 0)),
    map("A"),
    flags(0, "rd wr mr mw me ac mg"),
  ),
  rule(
    "further arguments are EINVAL",
    refused("EINVAL", prctl(67, 1, 1)),
    refused("EINVAL", prctl(68, 1)),
    refused("EINVAL", prctl(68, 0, 0, 1)),
  ),
  rule("PR_SET_MM_MAP_SIZE is granted to everybody", prctl(35, 15, 0)),
  rule("PR_SET_MM_MAP of another size is EINVAL", refused("EINVAL", prctl(35, 14, 0, 96))),
  rule(
    "PR_SET_MM_MAP sets all fields at once, without a capability",
    setMap({}),
    setMap({ brk: 3 * P }),
    gives(heap(3 * P), brkTo(0)),
  ),
  rule(
    "PR_SET_MM_MAP refuses a range that ends before it starts: EINVAL",
    refused("EINVAL", setMap({ brk: -P })),
    refused("EINVAL", setMap({ endCode: -(2 ** 20) })),
  ),
  rule(
    "PR_SET_MM_MAP refuses addresses outside user space: EINVAL",
    refused("EINVAL", setMap({ startStack: 2 ** 48 })),
    refused("EINVAL", setMap({ argStart: -(2 ** 47) })),
  ),
  rule(
    "PR_SET_MM_AUXV and PR_SET_MM_EXE_FILE are EPERM without CAP_SYS_RESOURCE",
    { needs: [NO_SYS_RESOURCE] },
    refused("EPERM", prctl(35, 12, at(0), 16)),
    refused("EPERM", prctl(35, 13, FD.closed)),
  ),
  rule(
    "PR_SET_MM_EXE_FILE with a size is EINVAL before that",
    refused("EINVAL", prctl(35, 13, FD.closed, 8)),
  ),
]);
