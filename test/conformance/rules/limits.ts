import { MAP, MREMAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, dies, gives, heap, refused, shows } from "./looks.ts";
import {
  attach,
  brk,
  limit,
  map,
  mapped,
  mmap,
  move,
  mremap,
  now,
  protect,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { TOP } from "./places.ts";
import { rule } from "./processes.ts";
import { section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

export const LIMITS = section("RLIMIT_AS, RLIMIT_DATA and RLIMIT_STACK", [
  rule(
    "RLIMIT_AS counts every page of every mapping",
    limit("as", now("VmSize", 3)),
    mmap({ length: pages(3), prot: 0 }),
    refused("ENOMEM", mmap({ prot: 0 })),
    refused("ENOMEM", mapped(MAP.SHARED)),
  ),
  rule(
    "RLIMIT_AS is looked at in whole pages",
    limit("as", (scene) => now("VmSize", 2)(scene) - 1),
    refused("ENOMEM", mmap({ length: pages(2) })),
    mmap({ length: pages(1) }),
  ),
  rule(
    "a limit that is lowered below what is mapped takes nothing away",
    map("AAAA"),
    limit("as", pages(1)),
    shows("AAAA"),
    unmap("..AA"),
    refused("ENOMEM", map("..A")),
  ),
  rule(
    "RLIMIT_AS binds mremap by the growth alone",
    map("AA"),
    limit("as", now("VmSize", 2)),
    refused("ENOMEM", move("AA", "AAAAA", 0)),
    move("AA", "AAAA", 0),
  ),
  rule(
    "RLIMIT_AS does not bind a mremap that only moves",
    map("AA"),
    limit("as", now("VmSize")),
    move("AA", "....AA", MREMAP.MAYMOVE | MREMAP.FIXED),
    shows("....AA"),
  ),
  rule(
    "MREMAP_DONTUNMAP needs room for the whole of what it copies",
    map("AA"),
    limit("as", now("VmSize", 1)),
    refused("ENOMEM", mremap(at(0), pages(2), pages(2), MREMAP.MAYMOVE | MREMAP.DONTUNMAP)),
    limit("as", now("VmSize", 2)),
    changes({ VmSize: 2 }, mremap(at(0), pages(2), pages(2), MREMAP.MAYMOVE | MREMAP.DONTUNMAP)),
  ),
  rule(
    "RLIMIT_AS makes brk answer the old break",
    brk(pages(2)),
    limit("as", now("VmSize", 1)),
    gives(heap(pages(2)), brk(pages(4))),
    gives(heap(pages(3)), brk(pages(3))),
  ),
  rule(
    "RLIMIT_AS keeps a stack from growing: SIGSEGV",
    map("....GG"),
    limit("as", now("VmSize", 1)),
    dies("SIGSEGV MAPERR", write("..A...")),
    changes({ VmSize: 1 }, write("...A..")),
    shows("...GGG"),
  ),
  rule(
    "RLIMIT_AS binds the attachment of a segment",
    limit("as", now("VmSize", 1)),
    refused("ENOMEM", attach(0, pages(2))),
    attach(0, pages(1)),
  ),
  rule(
    "RLIMIT_DATA counts private writable memory",
    limit("data", now("VmData", 2)),
    changes({ VmData: 2 }, map("AA")),
    refused("ENOMEM", map("...A")),
  ),
  rule(
    "RLIMIT_DATA counts private writable mappings of files",
    limit("data", now("VmData", 1)),
    refused("ENOMEM", map("FF")),
    map("F"),
  ),
  rule(
    "RLIMIT_DATA counts neither readable nor shared nor growing memory",
    limit("data", now("VmData")),
    map("aa..SS..GG..MM..__"),
    refused("ENOMEM", map("...................A")),
  ),
  rule(
    "RLIMIT_DATA binds memory that becomes writable",
    map("aaaa"),
    limit("data", now("VmData", 2)),
    refused("ENOMEM", protect("AAA")),
    protect("AA"),
    shows("AAaa"),
  ),
  rule(
    "memory that stays writable passes RLIMIT_DATA however it changes",
    map("AA"),
    limit("data", 0, 0),
    protect("AA", PROT.READ | PROT.WRITE | PROT.EXEC),
    protect("AA", PROT.WRITE),
  ),
  rule(
    "memory that is data already may become unwritable",
    map("AA"),
    limit("data", 0, 0),
    protect("aa"),
    refused("ENOMEM", protect("AA")),
  ),
  rule(
    "a soft RLIMIT_DATA of 0 stands for the hard one",
    limit("data", 0, 2 ** 30),
    map("AA"),
    limit("data", 0, 0),
    refused("ENOMEM", map("...A")),
  ),
  rule(
    "RLIMIT_DATA binds brk by the heap and the program's own data",
    limit("data", pages(2)),
    gives(heap(0), brk(pages(3))),
    { needs: [] },
  ),
  rule(
    "RLIMIT_DATA does not bind a growing stack",
    map("....G"),
    limit("data", 0, 0),
    changes({ VmStk: 1 }, write("...A")),
  ),
  rule(
    "RLIMIT_DATA binds mremap",
    map("AA"),
    limit("data", now("VmData", 1)),
    refused("ENOMEM", move("AA", "AAAA", 0)),
    move("AA", "AAA", 0),
  ),
  rule(
    "replacing data with data passes RLIMIT_DATA only by what is added: the replaced part counts for RLIMIT_AS alone",
    map("AA"),
    limit("data", now("VmData")),
    refused("ENOMEM", mmap({ addr: at(0), length: pages(3), flags: ANON | MAP.FIXED })),
    map("AA"),
  ),
  rule(
    "RLIMIT_STACK is a limit on the size of what grows down",
    map(".....GG"),
    limit("stack", pages(4)),
    changes({ VmStk: 2 }, touch(at(3))),
    dies("SIGSEGV MAPERR", touch(at(2))),
    shows("...GGGG"),
  ),
  rule(
    "RLIMIT_STACK does not bind what is mapped to grow down",
    limit("stack", pages(2)),
    changes({ VmStk: 5 }, map("GGGGG")),
  ),
  rule(
    "RLIMIT_STACK that is lowered does not move the mapping area",
    limit("stack", pages(16)),
    gives(TOP - pages(1), mmap()),
  ),
]);
