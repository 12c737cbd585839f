import { MAP, MPOL, MREMAP } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, flags, refused, shows } from "./looks.ts";
import {
  bind,
  brk,
  fork,
  lock,
  map,
  mbind,
  mmap,
  move,
  mremap,
  protect,
  request,
  seal,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { addressOfSpecial } from "./places.ts";
import { rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY } = MPOL;
const P = pages(1);
/** The first node, which every machine has. */
const NODE = 1;

const boundHeap = does(({ start }) =>
  request({ call: "mbind", addr: start.brk, length: P, mode: BIND, nodes: NODE, flags: 0 }),
);

export const POLICIES = section("Memory policies of ranges: mbind", [
  rule(
    "a policy splits off the part that it is for",
    map("AAAA"),
    changes({ VMAs: 2 }, bind(".xx", BIND, NODE)),
    shows("A|AA|A"),
  ),
  rule(
    "a policy leaves no mark in the flags",
    map("A"),
    bind("x", BIND, NODE),
    flags(0, "rd wr mr mw me ac"),
  ),
  rule(
    "the same policy joins neighbours",
    map("AAAA"),
    bind("xx", BIND, NODE),
    bind("..xx", BIND, NODE),
    shows("AAAA"),
  ),
  rule(
    "another policy keeps them apart",
    map("AAAA"),
    bind("xx", BIND, NODE),
    bind("..xx", INTERLEAVE, NODE),
    shows("AA|AA"),
  ),
  rule(
    "MPOL_DEFAULT takes a policy away, and joins",
    map("AAAA"),
    bind(".xx", BIND, NODE),
    bind(".xx", DEFAULT),
    shows("AAAA"),
  ),
  rule(
    "MPOL_DEFAULT passes over holes",
    map("A.A"),
    bind("x", BIND, NODE),
    mbind(at(0), pages(3), DEFAULT),
    map(".A"),
    shows("AAA"),
  ),
  rule(
    "the policy that there is already changes nothing",
    map("AA"),
    bind("xx", BIND, NODE),
    changes({ VMAs: 0 }, bind("x", BIND, NODE)),
  ),
  rule(
    "MPOL_PREFERRED without nodes is MPOL_LOCAL",
    map("AA"),
    bind("x", PREFERRED),
    bind(".x", LOCAL),
    shows("AA"),
  ),
  rule(
    "MPOL_PREFERRED of a node, of several, and MPOL_BIND are three policies",
    map("AAA"),
    bind("x", PREFERRED, NODE),
    bind(".x", PREFERRED_MANY, NODE),
    bind("..x", BIND, NODE),
    shows("A|A|A"),
  ),
  rule(
    "static and relative nodes are policies of their own",
    map("AAA"),
    bind("x", BIND, NODE),
    bind(".x", BIND | MPOL.F_STATIC_NODES, NODE),
    bind("..x", BIND | MPOL.F_RELATIVE_NODES, NODE),
    shows("A|A|A"),
  ),
  rule(
    "new memory has no policy, and stays apart",
    map("AA"),
    bind("xx", BIND, NODE),
    map("..AA"),
    shows("AA|AA"),
  ),
  rule(
    "memory mapped in place of a part has no policy",
    map("AAA"),
    bind("xxx", BIND, NODE),
    map(".A"),
    shows("A|A|A"),
  ),
  rule(
    "a policy stays with protection, locks and cuts",
    map("AAAA"),
    bind("xxxx", BIND, NODE),
    protect(".a"),
    protect(".A"),
    lock("..L"),
    unmap("...x"),
    shows("AAL."),
  ),
  rule(
    "a policy moves along",
    map("AA"),
    bind("xx", BIND, NODE),
    move("AA", "....AA", MREMAP.MAYMOVE | MREMAP.FIXED),
    map("......AA"),
    shows("....AA|AA"),
  ),
  rule(
    "a policy grows along",
    map("AA"),
    bind("xx", BIND, NODE),
    mremap(at(0), pages(2), pages(3), 0),
    shows("AAA"),
  ),
  rule("a policy is inherited", map("AA"), bind("x", BIND, NODE), fork(), shows("A|A")),
  rule(
    "memory with different policies does not share an anon_vma",
    map("AA"),
    bind("x", BIND, NODE),
    write("AA"),
    bind("x", DEFAULT),
    shows("A|A"),
  ),
  rule("without writes it joins", map("AA"), bind("x", BIND, NODE), bind("x", DEFAULT), shows("AA")),
  rule(
    "shared memory and files take policies",
    map("SSMM"),
    bind("x", BIND, NODE),
    bind("..x", BIND, NODE),
    shows("S|SM|M"),
  ),
  rule("sealed memory takes policies", map("AA"), seal("EE"), bind("x", BIND, NODE), shows("E|E")),
  rule(
    "the heap with a policy grows as a second mapping",
    brk(P),
    boundHeap,
    changes({ VMAs: 1 }, brk(2 * P)),
  ),
  rule(
    "memory that grows down keeps its policy",
    map("....G"),
    bind("....x", BIND, NODE),
    touch(at(2)),
    shows("..GGG"),
  ),
  rule(
    "special memory takes a policy as a whole",
    does((scene) =>
      request({
        call: "mbind",
        addr: addressOfSpecial(scene, "[vdso]"),
        length: pages(2),
        mode: BIND,
        nodes: NODE,
        flags: 0,
      }),
    ),
  ),
  rule(
    "a part of special memory is EINVAL",
    refused(
      "EINVAL",
      does((scene) =>
        request({
          call: "mbind",
          addr: addressOfSpecial(scene, "[vdso]"),
          length: P,
          mode: BIND,
          nodes: NODE,
          flags: 0,
        }),
      ),
    ),
  ),
  rule(
    "huge pages are cut only at their boundaries: EINVAL",
    mmap({
      addr: at(0),
      length: pages(1024),
      flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE,
    }),
    refused("EINVAL", mbind(at(0), P, BIND, NODE)),
    changes({ VMAs: 1 }, mbind(at(0), pages(512), BIND, NODE)),
  ),
  rule(
    "an unknown mode is EINVAL",
    map("A"),
    refused("EINVAL", bind("x", 7, NODE)),
    refused("EINVAL", bind("x", 99, NODE)),
  ),
  rule(
    "static and relative nodes together are EINVAL",
    map("A"),
    refused("EINVAL", bind("x", BIND | MPOL.F_STATIC_NODES | MPOL.F_RELATIVE_NODES, NODE)),
  ),
  rule(
    "balancing goes with MPOL_BIND and MPOL_PREFERRED_MANY alone",
    map("AA"),
    bind("x", BIND | MPOL.F_NUMA_BALANCING, NODE),
    bind(".x", PREFERRED_MANY | MPOL.F_NUMA_BALANCING, NODE),
    refused("EINVAL", bind("x", INTERLEAVE | MPOL.F_NUMA_BALANCING, NODE)),
  ),
  rule(
    "unknown flags are EINVAL",
    map("A"),
    refused("EINVAL", bind("x", BIND, NODE, 8)),
    bind("x", BIND, NODE, 7),
  ),
  rule("an address inside a page is EINVAL", map("A"), refused("EINVAL", mbind(at(0, 1), P, BIND, NODE))),
  rule("a range that wraps is EINVAL", refused("EINVAL", mbind(at(0), 2n ** 64n - 4096n, BIND, NODE))),
  rule(
    "no length is granted, whatever the nodes",
    mbind(at(0), 0, BIND),
    mbind(at(0), 2n ** 64n - 1n, BIND, NODE),
  ),
  rule(
    "modes that need nodes are EINVAL without",
    map("A"),
    refused("EINVAL", bind("x", BIND)),
    refused("EINVAL", bind("x", INTERLEAVE)),
    refused("EINVAL", bind("x", PREFERRED_MANY)),
  ),
  rule(
    "MPOL_DEFAULT and MPOL_LOCAL with nodes are EINVAL",
    map("A"),
    refused("EINVAL", bind("x", DEFAULT, NODE)),
    refused("EINVAL", bind("x", LOCAL, NODE)),
  ),
  rule(
    "MPOL_LOCAL with flags about nodes is EINVAL",
    map("A"),
    refused("EINVAL", bind("x", LOCAL | MPOL.F_STATIC_NODES)),
  ),
  rule(
    "nodes that no machine has are EINVAL",
    map("A"),
    refused("EINVAL", bind("x", BIND, 2 ** 40)),
    refused("EINVAL", bind("x", BIND | MPOL.F_STATIC_NODES, 2 ** 40)),
  ),
  rule(
    "relative nodes fold onto those that are there",
    map("A"),
    bind("x", BIND | MPOL.F_RELATIVE_NODES, 2 ** 40),
  ),
  rule(
    "nothing mapped is EFAULT",
    refused("EFAULT", mbind(at(0), P, BIND, NODE)),
    refused("EFAULT", mbind(at(0), P, DEFAULT)),
  ),
  rule(
    "a hole is EFAULT, and nothing has changed",
    map("A.A"),
    refused("EFAULT", mbind(at(0), pages(3), BIND, NODE)),
    map(".A"),
    shows("AAA"),
  ),
  rule(
    "a hole at the end is EFAULT",
    map("AA"),
    refused("EFAULT", mbind(at(0), pages(3), BIND, NODE)),
    map("..A"),
    shows("AAA"),
  ),
  rule("EINVAL for the nodes comes before EFAULT for a hole", refused("EINVAL", mbind(at(0), P, BIND))),
]);
