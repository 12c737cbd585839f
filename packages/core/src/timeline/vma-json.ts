import { addressOf, type FileId, hex, PAGE_SIZE, parseWord, type Vpn } from "../base/index.ts";
import { NO_POLICY, VM_OPS, Vma } from "../mm/index.ts";

export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const pageHex = (page: number): string => hex(page * PAGE_SIZE);

/** The page of a page's address as hex text; undefined for what is none. */
export function pageFrom(value: unknown): Vpn | undefined {
  const word = typeof value === "string" ? parseWord(value) : undefined;
  const page = typeof word === "number" ? word / PAGE_SIZE : Number.NaN;
  return Number.isSafeInteger(page) ? (page as Vpn) : undefined;
}

/** A VMA with everything that the model keeps of it; `pgoff` counts pages. */
export const encodeVma = (v: Vma): Json => ({
  start: hex(addressOf(v.start)),
  end: pageHex(v.end),
  flags: v.flags,
  high: v.high,
  pgoff: v.pgoff,
  file: v.file,
  ops: v.ops.name,
  anonVma: v.anonVma,
  chain: v.chain,
  ...(v.policy === NO_POLICY ? {} : { policy: v.policy }),
  ...(v.resv === 0 ? {} : { resv: v.resv }),
});

/** Reads a VMA back; undefined for what is none. */
export function decodeVma(json: unknown): Vma | undefined {
  if (!isJson(json)) return undefined;
  const { flags, high, pgoff, file, ops, anonVma, chain, policy = NO_POLICY, resv = 0 } = json;
  const [start, end] = [pageFrom(json.start), pageFrom(json.end)];
  const numbers = [flags, high, pgoff, file, anonVma, chain, resv];
  if (start === undefined || end === undefined || start >= end) return undefined;
  if (!numbers.every(Number.isSafeInteger) || typeof policy !== "string") return undefined;
  const kind = Object.values(VM_OPS).find(({ name }) => name === ops);
  if (!kind) return undefined;
  const [f, h, p, id, a, c, r] = numbers as [number, number, number, number, number, number, number];
  return new Vma(start, end, f, h, p, id as FileId, kind, a, c, policy, r);
}
