import { NO_POLICY, type Vma } from "../mm/index.ts";

export const vmaText = (v: Vma): string => {
  const parts = [v.start, v.end, v.flags, v.high, v.pgoff, v.file, v.ops.name, v.anonVma, v.chain];
  if (v.resv !== 0) return [...parts, v.policy, v.resv].join(",");
  return (v.policy === NO_POLICY ? parts : [...parts, v.policy]).join(",");
};

/** A record as text with its members in order of name: the same however the record was made. */
export function recordText(record: object): string {
  return JSON.stringify(record, (_, value: unknown) => {
    if (value === Number.POSITIVE_INFINITY) return "unlimited";
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Words that are not zero, with their places. */
export function wordsText(words: Uint32Array): string {
  const parts: string[] = [];
  words.forEach((word, i) => {
    if (word !== 0) parts.push(`${i}=${word}`);
  });
  return parts.join(" ");
}
