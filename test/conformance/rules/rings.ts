import { MADV, MREMAP, MS } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, flags, gives, named, refused, shows } from "./looks.ts";
import { fork, ioDestroy, ioSetup, limit, map, now, request } from "./operations.ts";
import { answered, TOP } from "./places.ts";
import { NARROW, rule } from "./processes.ts";
import { does, type Step, section } from "./rule.ts";

const P = pages(1);
const TO = MREMAP.MAYMOVE | MREMAP.FIXED;

const onRing = (advice: number): Step =>
  does(({ answers }) => request({ call: "madvise", addr: Number(answers[0]), length: P, advice }));

/** The ring's own address, as io_setup answered it. */
const ring = answered(0);

export const RINGS = section("Rings of asynchronous I/O: io_setup", [
  rule(
    "io_setup maps a ring and answers its address",
    gives(TOP - pages(3), ioSetup(128)),
    flags(TOP - P, "rd wr sh mr mw ms de"),
    named(TOP - P, "/[aio] (deleted)"),
    access(TOP - P, "rw-s"),
  ),
  rule(
    "a ring has 32 bytes for each of twice its events and two more, and 32 in front",
    gives(TOP - P, ioSetup(62)),
    gives(TOP - pages(3), ioSetup(63)),
    gives(TOP - pages(19), ioSetup(1000)),
  ),
  rule("no events are EINVAL", refused("EINVAL", ioSetup(0))),
  rule(
    "more events than memory has are EINVAL, more than fs.aio-max-nr EAGAIN",
    refused("EINVAL", ioSetup(2 ** 31 - 1)),
    refused("EINVAL", ioSetup(2 ** 22 + 1)),
    refused("EAGAIN", ioSetup(100_000)),
  ),
  rule(
    "whatever the mapping is refused for is ENOMEM",
    limit("as", now("VmSize")),
    refused("ENOMEM", ioSetup(1)),
  ),
  rule("rings do not join", ioSetup(1), ioSetup(1), {
    looks: [
      ({ vmas }) =>
        vmas.filter((v) => v.name === "/[aio] (deleted)").length === 2
          ? undefined
          : "there are not two rings",
    ],
  }),
  rule("io_destroy unmaps the ring", ioSetup(128), changes({ VMAs: -1, VmSize: -3 }, ioDestroy(ring))),
  rule(
    "a context that is none is EINVAL",
    refused("EINVAL", ioDestroy(0)),
    refused("EINVAL", ioDestroy(at(0))),
    map("A"),
    refused("EINVAL", ioDestroy(at(0))),
  ),
  rule(
    "a context that is none is read all the same: memory that grows down grows to it",
    map("....G"),
    refused("EINVAL", ioDestroy(at(2))),
    shows("..GGG"),
  ),
  rule(
    "a context that is destroyed is EINVAL from then on",
    ioSetup(1),
    ioDestroy(ring),
    refused("EINVAL", ioDestroy(ring)),
  ),
  rule(
    "a ring that is unmapped has no context: EINVAL",
    ioSetup(1),
    does(({ answers }) => request({ call: "munmap", addr: Number(answers[0]), length: P })),
    refused("EINVAL", ioDestroy(ring)),
  ),
  rule(
    "a ring that moves takes its context along",
    ioSetup(1),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(0),
      }),
    ),
    refused("EINVAL", ioDestroy(ring)),
    ioDestroy(at(0)),
    shows("."),
  ),
  rule(
    "io_destroy unmaps as many pages as the ring has from where a part of it went",
    ioSetup(128),
    map("...AAA"),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(2),
      }),
    ),
    ioDestroy(at(2)),
    shows(".....A"),
  ),
  rule(
    "of two rings that were mapped at one address the one that is there answers",
    ioSetup(1),
    does(({ answers }) => request({ call: "munmap", addr: Number(answers[0]), length: P })),
    gives(ring, ioSetup(1)),
    changes({ VMAs: -1 }, ioDestroy(ring)),
  ),
  rule(
    "io_destroy of a sealed ring succeeds, and leaves it",
    ioSetup(1),
    does(({ answers }) => request({ call: "mseal", addr: Number(answers[0]), length: P, flags: 0 })),
    changes({ VMAs: 0 }, ioDestroy(ring)),
  ),
  rule(
    "a ring without its context cannot move: EINVAL",
    ioSetup(128),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(0),
      }),
    ),
    ioDestroy(at(0)),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]) + P,
          oldLength: P,
          newLength: P,
          flags: TO,
          newAddr: at(8),
        }),
      ),
    ),
  ),
  rule(
    "a child has the mapping and no context",
    ioSetup(1),
    fork(),
    refused("EINVAL", ioDestroy(ring)),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: P,
          flags: TO,
          newAddr: at(8),
        }),
      ),
    ),
    flags(ring, "rd wr sh mr mw ms de"),
  ),
  rule(
    "a ring cannot grow: EFAULT, nor leave its place mapped: EINVAL",
    ioSetup(1),
    refused(
      "EFAULT",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: pages(2),
          flags: 1,
          newAddr: 0,
        }),
      ),
    ),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: P,
          flags: 5,
          newAddr: 0,
        }),
      ),
    ),
  ),
  rule(
    "a ring is never locked",
    ioSetup(1),
    changes(
      { VmLck: 0 },
      does(({ answers }) => request({ call: "mlock", addr: Number(answers[0]), length: P, flags: 0 })),
    ),
  ),
  rule(
    "a ring has no holes to punch: ENODEV, is always dumped: EINVAL, and not written back: EINVAL",
    ioSetup(1),
    refused("ENODEV", onRing(MADV.REMOVE)),
    refused("EINVAL", onRing(MADV.DODUMP)),
    refused(
      "EINVAL",
      does(({ answers }) => request({ call: "msync", addr: Number(answers[0]), length: P, flags: MS.SYNC })),
    ),
  ),
  rule("a 32-bit ring is the same", { on: NARROW }, ioSetup(128), changes({ VMAs: -1 }, ioDestroy(ring))),
]);
