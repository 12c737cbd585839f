import {
  fail,
  type KernelState,
  type MmStruct,
  ok,
  PAGE_SIZE,
  type PageRange,
  pageRange,
  parseWord,
  type Result,
  shrink,
  type Vma,
  vmaName,
  type Word,
} from "@pagetrail/core";
import { Symbols } from "./symbols.ts";

const FORMS = "an address in hex, heap, stack, vdso, a mapped file's name or a symbol, each also with +0x10";

const symbols = new Symbols();

/** The mappings that a name stands for; refuses a name that several files have. */
function named(name: string, state: KernelState, mm: MmStruct): Result<readonly Vma[], string> {
  const found: Vma[] = [];
  const paths = new Set<string>();
  for (const vma of mm.vmas.items()) {
    const own = vmaName(state, mm, vma);
    const isIt = own === `[${name}]` || own === name || own.slice(own.lastIndexOf("/") + 1) === name;
    if (own === "" || !isIt) continue;
    found.push(vma);
    paths.add(own);
  }
  if (paths.size < 2) return ok(found);
  return fail(`'${name}' is ${[...paths].join(" and ")}: write one out`);
}

const hexOf = (text: string): Word | undefined =>
  parseWord(/^0x/i.test(text) ? text.toLowerCase() : `0x${text.toLowerCase()}`);

/**
 * Finds an address as a user writes it: hex with or without 0x, or the beginning of what a name stands for,
 * each with a distance added to it. A name goes before hex of the same letters, and a mapping's before a symbol's.
 */
export function findAddress(text: string, state: KernelState, mm: MmStruct): Result<Word, string> {
  const whole = findBase(text, state, mm);
  if (!whole.ok) return whole;
  if (whole.value !== undefined) return ok(whole.value);
  const [, base = "", distance = ""] = /^(.+)\+(0x[0-9a-f]+|\d+)$/i.exec(text) ?? [];
  const from = base === "" ? ok(undefined) : findBase(base, state, mm);
  if (!from.ok) return from;
  if (from.value === undefined) return fail(nothing(base || text, state, mm));
  const sum = BigInt(from.value) + BigInt(distance);
  return sum < 2n ** 64n ? ok(shrink(sum)) : fail(`'${text}' is beyond 64 bits`);
}

function findBase(text: string, state: KernelState, mm: MmStruct): Result<Word | undefined, string> {
  const vmas = named(text, state, mm);
  if (!vmas.ok) return vmas;
  const [first] = vmas.value;
  if (first) return ok(first.start * PAGE_SIZE);
  // What begins with a digit is no symbol.
  const symbol = /^\d/.test(text) ? undefined : symbols.find(text, state, mm);
  return ok(symbol ? symbol.address : hexOf(text));
}

/** How many symbols are named that it might be. */
const SUGGESTED = 3;

function nothing(name: string, state: KernelState, mm: MmStruct): string {
  const begun = new Set<string>();
  for (const symbol of name.length < 2 ? [] : symbols.beginning(name, state, mm)) {
    begun.add(symbol);
    if (begun.size === SUGGESTED) break;
  }
  const perhaps = begun.size === 0 ? "" : ` (there is ${[...begun].join(", ")})`;
  return `'${name}' is no address, and nothing of that name is mapped${perhaps}; use ${FORMS}`;
}

/** `main+0x1c (/bin/prog)`: the symbol that an address lies in, where its file is on this machine and has some. */
export const symbolAt = (address: number, state: KernelState, mm: MmStruct): string | undefined =>
  symbols.at(address, state, mm);

/** Names of symbols that begin so. */
export const symbolsBeginning = (start: string, state: KernelState, mm: MmStruct): Iterable<string> =>
  symbols.beginning(start, state, mm);

/**
 * Finds pages of a process: those of `A..B` or, as maps prints it, `A-B` (B is not among them), of everything
 * from the first to the last mapping of a name, or the one that an address lies in.
 */
export function findPages(text: string, state: KernelState, mm: MmStruct): Result<PageRange, string> {
  const vmas = named(text, state, mm);
  if (!vmas.ok) return vmas;
  const [first, last] = [vmas.value[0], vmas.value.at(-1)];
  if (first && last) return ok(pageRange(first.start, last.end));
  const [, from = text, to] = /^(.*)\.\.(.*)$/.exec(text) ?? /^([0-9a-f]+)-([0-9a-f]+)$/i.exec(text) ?? [];
  const start = findAddress(from, state, mm);
  if (!start.ok) return start;
  const end = to === undefined ? undefined : findAddress(to, state, mm);
  if (end && !end.ok) return end;
  const top = mm.layout.taskSize;
  if (start.value >= top || (end?.value ?? 0) > top)
    return fail(`'${text}' reaches beyond user space, which ends at 0x${top.toString(16)}`);
  const firstPage = Math.floor(Number(start.value) / PAGE_SIZE);
  const lastPage = end ? Math.ceil(Number(end.value) / PAGE_SIZE) : firstPage + 1;
  if (lastPage < firstPage) return fail(`'${text}' ends before it starts`);
  return ok(pageRange(firstPage, lastPage));
}
