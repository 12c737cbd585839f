import { I386, X86_64 } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { type ExecFiles, type FoundExec, findProgram } from "./find-program.ts";

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

interface Shape {
  readonly machine?: number;
  readonly type?: number;
  readonly interp?: string;
  /** Bytes of the interpreter's name by its header, and its offset. */
  readonly filesz?: number;
  readonly offset?: bigint;
  readonly phentsize?: number;
}

const NAME_AT = 0xb0;

/** A 64-bit program of one segment, and of a PT_INTERP where it has an interpreter. */
function elf({ machine = 62, type = 3, interp, filesz, offset, phentsize = 56 }: Shape = {}): Uint8Array {
  const bytes = new Uint8Array(NAME_AT + (interp?.length ?? 0));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, phentsize, true);
  view.setUint16(56, interp === undefined ? 1 : 2, true);
  view.setUint32(64, 1, true);
  if (interp === undefined) return bytes;
  view.setUint32(64 + 56, 3, true);
  view.setBigUint64(64 + 56 + 8, offset ?? BigInt(NAME_AT), true);
  view.setBigUint64(64 + 56 + 32, BigInt(filesz ?? interp.length), true);
  bytes.set(text(interp), NAME_AT);
  return bytes;
}

const LD = elf();

const filesOf = (files: Readonly<Record<string, Uint8Array>>): ExecFiles => ({
  open: (path) => {
    const bytes = files[path];
    if (!bytes) return path.endsWith("/") ? "EACCES" : "ENOENT";
    return { file: { path }, read: (offset, length) => bytes.slice(offset, offset + length) };
  },
});

const find = (files: Readonly<Record<string, Uint8Array>>, path = "/p"): FoundExec =>
  findProgram(filesOf(files), path, X86_64);

function answer(files: Readonly<Record<string, Uint8Array>>): string {
  const found = find(files);
  return found.kind === "elf" ? "program" : `${found.at} ${found.errno}`;
}

describe("a program", () => {
  test("is found with its interpreter", () => {
    const found = find({ "/p": elf({ interp: "/ld\0" }), "/ld": LD });
    expect(found).toMatchObject({
      kind: "elf",
      program: { file: { path: "/p" }, image: { interp: "/ld" } },
      interpreter: { file: { path: "/ld" } },
      prepended: [],
    });
  });

  test("behind scripts gets what their lines say before its arguments", () => {
    const found = find({ "/p": text("#!/q -x y\n"), "/q": text("#!/r\n"), "/r": LD });
    expect(found.kind === "elf" && found.prepended).toEqual(["/r", "/q", "-x y", "/p"]);
  });

  test("may lie behind five scripts, and not behind six", () => {
    const scripts = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [i === 0 ? "/p" : `/${i}`, text(`#!/${i + 1}\n`)]),
      );
    expect(answer({ ...scripts(5), "/5": LD })).toBe("program");
    expect(answer({ ...scripts(6), "/6": LD })).toBe("format ELOOP");
    expect(answer(scripts(6))).toBe("format ENOENT");
  });

  test("is one of the kernel's machines; another is named", () => {
    const files = filesOf({ "/p": elf({ machine: 183 }) });
    expect(findProgram(files, "/p", X86_64)).toMatchObject({ errno: "ENOEXEC", machine: 183 });
    expect(findProgram(filesOf({ "/p": LD }), "/p", I386)).toMatchObject({
      errno: "ENOEXEC",
      machine: "x86-64",
    });
  });
});

describe("an exec is refused", () => {
  test.each<[string, string, Readonly<Record<string, Uint8Array>>]>([
    ["for a file that cannot be opened, before its arguments are looked at", "open ENOENT", {}],
    ["for a file of no known format", "format ENOEXEC", { "/p": text("echo") }],
    ["for an empty file", "format ENOEXEC", { "/p": text("") }],
    ["for an object file", "format ENOEXEC", { "/p": elf({ type: 1 }) }],
    ["for program headers of another size", "format ENOEXEC", { "/p": elf({ phentsize: 32 }) }],
    ["for program headers that are cut off", "format ENOEXEC", { "/p": LD.subarray(0, 100) }],
    ["for a script whose interpreter is missing", "format ENOENT", { "/p": text("#!/nowhere\n") }],
    ["for a script that names nothing", "format EACCES", { "/p": text("#!\0\n") }],
    [
      "for another machine before its interpreter is missed",
      "format ENOEXEC",
      { "/p": elf({ machine: 3, interp: "/no\0" }) },
    ],
    ["for an interpreter without a name", "format ENOEXEC", { "/p": elf({ interp: "\0" }) }],
    ["for an interpreter whose name is empty", "format EACCES", { "/p": elf({ interp: "\0\0" }) }],
    ["for an interpreter's name without a NUL", "format ENOEXEC", { "/p": elf({ interp: "/ld" }) }],
    [
      "for an interpreter's name that is too long",
      "format ENOEXEC",
      { "/p": elf({ interp: "/ld\0", filesz: 4097 }) },
    ],
    [
      "for an interpreter's name that is cut off",
      "format EIO",
      { "/p": elf({ interp: "/ld\0", filesz: 5 }) },
    ],
    [
      "for an interpreter's name beyond any file",
      "format EINVAL",
      { "/p": elf({ interp: "/ld\0", offset: 2n ** 63n }) },
    ],
    ["for a missing interpreter", "format ENOENT", { "/p": elf({ interp: "/ld\0" }) }],
    [
      "for an interpreter too short for a header",
      "format EIO",
      { "/p": elf({ interp: "/ld\0" }), "/ld": LD.subarray(0, 63) },
    ],
    [
      "for an interpreter that is no ELF file",
      "format ELIBBAD",
      { "/p": elf({ interp: "/ld\0" }), "/ld": text("x".repeat(99)) },
    ],
    [
      "for an interpreter of another machine",
      "format ELIBBAD",
      { "/p": elf({ interp: "/ld\0" }), "/ld": elf({ machine: 3 }) },
    ],
    [
      "for an interpreter with odd program headers",
      "format ELIBBAD",
      { "/p": elf({ interp: "/ld\0" }), "/ld": elf({ phentsize: 1 }) },
    ],
  ])("%s: %s", (_, expected, files) => {
    expect(answer(files)).toBe(expected);
  });

  test("not for what is only looked at when the interpreter is mapped", () => {
    const ld = elf({ type: 1, interp: "no NUL" });
    expect(answer({ "/p": elf({ interp: "/ld\0" }), "/ld": ld })).toBe("program");
  });
});
