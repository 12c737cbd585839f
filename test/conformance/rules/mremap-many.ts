import { MREMAP } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, gives, offset, refused, shows } from "./looks.ts";
import { attach, map, mremap, seal } from "./operations.ts";
import { rule } from "./processes.ts";
import { section } from "./rule.ts";

const { MAYMOVE, FIXED, DONTUNMAP } = MREMAP;
const TO = MAYMOVE | FIXED;
const KEEP = TO | DONTUNMAP;

export const MREMAP_MANY = section("mremap of several mappings at once", [
  rule(
    "several mappings move together and keep their distances",
    map("AAaa.SS"),
    gives(at(10), mremap(at(0), pages(7), pages(7), TO, at(10))),
    shows("..........AAaa.SS"),
  ),
  rule(
    "a hole of the source leaves what lies in the target",
    map("AA.AA"),
    map("..........MMMMM"),
    mremap(at(0), pages(5), pages(5), TO, at(10)),
    shows("..........AAMAA"),
  ),
  rule(
    "a range without any mapping is EFAULT",
    refused("EFAULT", mremap(at(0), pages(5), pages(5), TO, at(10))),
  ),
  rule(
    "a range that begins in a hole is EFAULT",
    map(".AA"),
    refused("EFAULT", mremap(at(0), pages(3), pages(3), TO, at(10))),
    shows(".AA"),
  ),
  rule(
    "a range may end in a hole",
    map("AA"),
    gives(at(10), mremap(at(0), pages(5), pages(5), TO, at(10))),
    shows("..........AA..."),
  ),
  rule(
    "a range may end and begin inside mappings",
    map("AAAaaa"),
    mremap(at(1), pages(4), pages(4), TO, at(10)),
    shows("A....a....AAaa"),
  ),
  rule(
    "a sealed mapping on the way is EPERM, with what is before it moved",
    map("AAaaAA"),
    seal("..ee"),
    refused("EPERM", mremap(at(0), pages(6), pages(6), TO, at(10))),
    shows("..eeAA....AA"),
  ),
  rule(
    "a sealed mapping under the target is EPERM, with what is before it moved",
    map("AAaa"),
    map("............AA"),
    seal("............EE"),
    refused("EPERM", mremap(at(0), pages(4), pages(4), TO, at(10))),
    shows("..aa......AAEE"),
  ),
  rule(
    "MREMAP_DONTUNMAP leaves all the sources behind",
    map("AAaa"),
    mremap(at(0), pages(4), pages(4), KEEP, at(10)),
    shows("AAaa......AAaa"),
  ),
  rule(
    "a segment is EFAULT among several",
    map("AA"),
    attach(at(2), pages(2)),
    refused("EFAULT", mremap(at(0), pages(4), pages(4), TO, at(10))),
    shows("..YY......AA"),
  ),
  rule(
    "a private mapping of /dev/zero is EFAULT among several",
    map("AAZZ"),
    refused("EFAULT", mremap(at(0), pages(4), pages(4), TO, at(10))),
  ),
  rule(
    "several are EFAULT unless the address is fixed",
    map("AAaa"),
    refused("EFAULT", mremap(at(0), pages(4), pages(5), MAYMOVE)),
    refused("EFAULT", mremap(at(0), pages(4), pages(4), MAYMOVE | DONTUNMAP)),
  ),
  rule(
    "locked ones keep their locks",
    map("LLaa"),
    changes({ VmLck: 0 }, mremap(at(0), pages(4), pages(4), TO, at(10))),
    shows("..........LLaa"),
  ),
  rule(
    "untouched ones merge at the target with their like",
    map("AAaa"),
    map("........AA"),
    mremap(at(0), pages(4), pages(4), TO, at(10)),
    shows("........AAAAaa"),
  ),
  rule(
    "files and memory move together",
    map("FFAA"),
    mremap(at(0), pages(4), pages(4), TO, at(10)),
    shows("..........FFAA"),
    offset(10, 0),
  ),
  rule(
    "overlapping ranges are EINVAL",
    map("AAaa"),
    refused("EINVAL", mremap(at(0), pages(4), pages(4), TO, at(3))),
  ),
]);
