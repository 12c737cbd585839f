import { bytesText } from "./bytes-text.ts";

export type Shebang = { readonly interpreter: string; readonly argument?: string };

/** The kernel looks no further into a script than its first 256 bytes. */
export const SHEBANG_BYTES = 256;

const NEWLINE = 0x0a;

/**
 * Splits a script's first line into its interpreter and the one optional argument, which keeps its inner
 * blanks. `bytes` is the file's beginning, `SHEBANG_BYTES` or the whole file.
 * Undefined where the kernel answers ENOEXEC: for what is no script, names no interpreter, or may have its
 * interpreter's name cut off.
 *
 * @kernel load_script, fs/binfmt_script.c (v6.18)
 */
export function parseShebang(bytes: Uint8Array): Shebang | undefined {
  // A shorter file leaves the rest of the kernel's buffer zero, and the zeros count as ends of words.
  const buffer = new Uint8Array(SHEBANG_BYTES);
  buffer.set(bytes.subarray(0, SHEBANG_BYTES));
  if (buffer[0] !== 0x23 || buffer[1] !== 0x21) return undefined;
  const end = lineEnd(buffer);
  if (end === undefined) return undefined;
  const name = nextNonBlank(buffer, 2, end);
  if (name === undefined || name === end) return undefined;
  const separator = nextTerminator(buffer, name, end);
  const argument =
    separator !== undefined && isBlank(buffer[separator]) ? nextNonBlank(buffer, separator, end) : undefined;
  if (argument === undefined) return { interpreter: textUntilNul(buffer, name, end) };
  return {
    interpreter: textUntilNul(buffer, name, separator ?? end),
    argument: textUntilNul(buffer, argument, end),
  };
}

/** Where the line stops, trailing blanks trimmed; undefined when the interpreter's name may go on. */
function lineEnd(buffer: Uint8Array): number | undefined {
  const last = buffer.length - 1;
  // One behind a NUL ends no line for the kernel, but nothing behind a NUL matters.
  const newline = buffer.indexOf(NEWLINE);
  let end = newline;
  if (newline < 0) {
    const first = nextNonBlank(buffer, 2, last);
    if (first === undefined || nextTerminator(buffer, first, last) === undefined) return undefined;
    end = last;
  }
  while (isBlank(buffer[end - 1])) end--;
  return end;
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09;

/** The first index in [from, last] that is no blank. */
function nextNonBlank(buffer: Uint8Array, from: number, last: number): number | undefined {
  for (let i = from; i <= last; i++) if (!isBlank(buffer[i])) return i;
  return undefined;
}

/** The first index in [from, last] that is a blank or a NUL. */
function nextTerminator(buffer: Uint8Array, from: number, last: number): number | undefined {
  for (let i = from; i <= last; i++) if (isBlank(buffer[i]) || buffer[i] === 0) return i;
  return undefined;
}

function textUntilNul(buffer: Uint8Array, from: number, end: number): string {
  const word = buffer.subarray(from, end);
  const nul = word.indexOf(0);
  return bytesText(nul < 0 ? word : word.subarray(0, nul));
}
