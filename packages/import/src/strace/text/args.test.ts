import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseFd,
  parseFlags,
  parseHex,
  parseList,
  parseNamed,
  parseNumber,
  parseStruct,
  splitArgs,
} from "./args.ts";
import { StraceReader } from "./reader.ts";
import { CLONE_WITH_SIGNAL, MADV, MAP, O, PROT } from "./symbols.ts";

/** As strace prints a string: quotes and backslashes escaped, control characters in octal. */
const quote = (bytes: string): string =>
  `"${bytes.replace(/["\\]/g, "\\$&").replace(/[^ -~]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`)}"`;
const inAngles = (path: string): string =>
  `</${quote(path).slice(1, -1).replaceAll("<", "\\74").replaceAll(">", "\\76")}>`;

const nasty = fc.array(
  fc.constantFrom(
    ") = 0",
    ", ",
    "<unfinished ...>",
    "(",
    "[",
    "{",
    '"',
    "\\",
    "/*",
    "*/",
    "<",
    ">",
    "->",
    "-",
    "a",
    "\n",
    "\xe9",
  ),
  { maxLength: 6 },
);
const arbBytes = nasty.map((parts) => parts.join(""));
const arbArg = fc.letrec<{ arg: string }>((tie) => ({
  arg: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(
      "NULL",
      "0x7f00",
      "-1",
      "PROT_READ|PROT_WRITE",
      "0x3 /* A|B, ) = 1 */",
      "21<<MAP_HUGE_SHIFT",
      "~[RTMIN RT_1]",
    ),
    arbBytes.map(quote),
    arbBytes.map((bytes) => `${quote(bytes)}...`),
    arbBytes.map((path) => `3${inAngles(path)}`),
    arbBytes.map((path) => `4<UNIX-STREAM:[5->6,${quote(path)}]>`),
    fc.array(tie("arg"), { maxLength: 3 }).map((inner) => `[${inner.join(", ")}]`),
    fc.array(tie("arg"), { maxLength: 3 }).map((inner) => `{a=${inner.join(", b=")}}`),
    tie("arg").map((inner) => `makedev(${inner}, 0)`),
  ),
})).arg;

describe("the arguments of a call", () => {
  test("are split where a comma separates them, whatever strings, paths and comments hold", () => {
    fc.assert(
      fc.property(fc.array(arbArg, { maxLength: 5 }), (args) => {
        expect(splitArgs(args.join(", "))).toEqual(args);
      }),
    );
  });

  test("end where the call ends, whatever they hold and whatever the answer says", () => {
    fc.assert(
      fc.property(fc.array(arbArg, { maxLength: 4 }), arbBytes, (args, path) => {
        const reader = new StraceReader();
        reader.push(`7 openat(${args.join(", ")}) = 3${inAngles(path)}\n`);
        const [call, ...others] = reader.end();
        expect(others).toEqual([]);
        expect(call?.kind === "call" && [call.args, call.result.kind]).toEqual([args, "value"]);
      }),
    );
  });

  test("an unfinished one ends without its last comma", () => {
    expect(splitArgs("-1, ")).toEqual(["-1"]);
    expect(splitArgs("")).toEqual([]);
    expect(splitArgs('1, "not closed, ')).toEqual(["1", '"not closed,']);
  });
});

describe("a number", () => {
  test.each([
    ["4096", 4096],
    ["0x10", 16],
    ["0644", 420],
    ["-1", -1],
    ["8192*1024", 8388608],
    ["NULL", 0],
    ["0x3 /* A|B */", 3],
    ["3</srv/x>(deleted)", 3],
    ["0", 0],
    ["0x1fffffffffffff", 2 ** 53 - 1],
    ["0x20000000000000", undefined],
    ["RLIM64_INFINITY", undefined],
    ['"7"', undefined],
    ["", undefined],
  ])("%s is %s", (text, expected) => expect(parseNumber(text)).toBe(expected));

  test.each([
    ["18446744073709551615 /* RLIM64_INFINITY */", "0xffffffffffffffff"],
    ["0xFFFFFFFFFF600000", "0xffffffffff600000"],
    ["-1", "0xffffffffffffffff"],
    ["NULL", "0x0"],
    ["what", undefined],
  ])("%s is the word %s", (text, expected) => expect(parseHex(text)).toBe(expected));
});

describe("flags", () => {
  test.each([
    ["PROT_NONE", PROT, 0],
    ["PROT_READ|PROT_GROWSDOWN|0x100", PROT, 0x1000101],
    ["0x3 /* PROT_READ|PROT_WRITE */", PROT, 3],
    ["MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT", MAP, 0x54040022],
    ["0x309 /* MADV_??? */", MADV, 0x309],
    ["CLONE_IO|CLONE_CLEAR_SIGHAND|SIGCHLD", CLONE_WITH_SIGNAL, 0x180000011],
    [
      "0x1200000 /* CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID */|17 /* SIGCHLD */",
      CLONE_WITH_SIGNAL,
      0x1200011,
    ],
    ["O_SYNC|O_DSYNC", O, 0o4010000],
    ["MAP_SHARED|MAP_NEWEST", MAP, undefined],
    ["toString", MAP, undefined],
    ["-1", MAP, undefined],
    ["", MAP, undefined],
  ])("%s", (text, table, expected) => expect(parseFlags(text, table)).toBe(expected));
});

describe("a descriptor", () => {
  test.each([
    ["3", { fd: 3 }],
    ["-1", { fd: -1 }],
    ["AT_FDCWD", { fd: "AT_FDCWD" }],
    ["AT_FDCWD</srv/demo>", { fd: "AT_FDCWD", path: "/srv/demo" }],
    ["-100 /* AT_FDCWD */</srv/demo>", { fd: "AT_FDCWD", path: "/srv/demo" }],
    ["5</dev/null<char 1:3>>", { fd: 5, path: "/dev/null", device: "char 1:3" }],
    [
      '3</srv/o(d), ) = [na]\\"me\\\\\\74x\\76>(deleted)',
      { fd: 3, path: '/srv/o(d), ) = [na]"me\\<x>', deleted: true },
    ],
    ["3</srv/\\303\\251->", { fd: 3, path: "/srv/\u00e9-" }],
    ["3</srv/a[->", { fd: 3, path: "/srv/a[-" }],
    ["3</srv/x (deleted)>", { fd: 3, path: "/srv/x", deleted: true }],
    ["7<pipe:[51058]>", { fd: 7, object: "pipe:[51058]" }],
    ["8<TCP:[1.2.3.4:5->6.7.8.9:10]>", { fd: 8, object: "TCP:[1.2.3.4:5->6.7.8.9:10]" }],
    ['3<UNIX-STREAM:[22774,"/srv/so>c\\"k(1"]>', { fd: 3, object: 'UNIX-STREAM:[22774,"/srv/so>c\\"k(1"]' }],
    ["NULL", undefined],
    ["0x3", undefined],
  ])("%s", (text, expected) => expect(parseFd(text)).toEqual(expected));
});

describe("structs and lists", () => {
  test("a struct gives its members, and leaves out the dots and what the kernel wrote back", () => {
    const text =
      '{flags=CLONE_VM|CLONE_FS, stack=0x1, name="a, b}", in={x=1, y=[2, 3]}, ...} => {parent_tid=[8]}';
    expect(parseStruct(text)).toEqual(
      new Map([
        ["flags", "CLONE_VM|CLONE_FS"],
        ["stack", "0x1"],
        ["name", '"a, b}"'],
        ["in", "{x=1, y=[2, 3]}"],
      ]),
    );
    expect(parseStruct("0x7ffe")).toBeUndefined();
    expect(parseStruct("{a=1")).toBeUndefined();
  });

  test("a list gives its elements, and keeps the dots", () => {
    expect(parseList('["sh", "-c", "echo [a, b]"..., ...]')).toEqual([
      '"sh"',
      '"-c"',
      '"echo [a, b]"...',
      "...",
    ]);
    expect(parseList("[]")).toEqual([]);
    expect(parseList("NULL")).toBeUndefined();
  });

  test("a named argument falls in two", () => {
    expect(parseNamed("child_stack=NULL")).toEqual({ name: "child_stack", value: "NULL" });
    expect(parseNamed("NULL")).toBeUndefined();
  });
});
