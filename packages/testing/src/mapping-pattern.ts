import type { Word } from "@pagetrail/core";
import { type Mapping, type Maps, parseMapping, sizeText } from "./maps.ts";

/** What a mapping should be like; what is left out may be anything. Addresses and sizes are bytes. */
export interface MappingPattern {
  readonly start?: Word;
  readonly end?: Word;
  /** An address inside the mapping. */
  readonly at?: Word;
  readonly size?: number;
  /** As the kernel prints them, `?` for any: `r?-p`. */
  readonly permissions?: string;
  /** Of the file. */
  readonly offset?: number;
  /** A file's path, or a name such as `[heap]`; empty for none. */
  readonly name?: string | RegExp;
}

/** One thing that is asked of a mapping, in words, and what is told of one that is otherwise. */
interface Wish {
  readonly text: string;
  /** What the mapping has instead; undefined where it is as wished. */
  fault(mapping: Mapping): string | undefined;
}

/** A mapping, and what about it is not as wished. */
interface Judged {
  readonly mapping: Mapping;
  readonly faults: readonly string[];
}

const hexOf = (address: Word): string => address.toString(16).padStart(8, "0");

/** The pattern of a line of maps, whole or shortened to range and permissions. */
export const patternOf = (pattern: string | MappingPattern): MappingPattern => {
  if (typeof pattern !== "string") return pattern;
  const { start, end, permissions, offset, name } = parseMapping(pattern.trim());
  return {
    ...{ start, end, permissions },
    ...(offset !== undefined && { offset }),
    ...(name !== undefined && { name }),
  };
};

function wishesOf(pattern: MappingPattern): readonly Wish[] {
  const { start, end, at, size, permissions, offset, name } = pattern;
  const wishes: Wish[] = [];
  const wish = (text: string, fault: Wish["fault"]): void => void wishes.push({ text, fault });
  if (name !== undefined)
    wish(name === "" ? "without a name" : `named ${name}`, (m) =>
      isNamed(m.name ?? "", name) ? undefined : `name ${m.name || "(none)"}, not ${name || "(none)"}`,
    );
  if (start !== undefined)
    wish(`from ${hexOf(start)}`, (m) =>
      BigInt(m.start) === BigInt(start) ? undefined : `begins at ${hexOf(m.start)}, not ${hexOf(start)}`,
    );
  if (end !== undefined)
    wish(`up to ${hexOf(end)}`, (m) =>
      BigInt(m.end) === BigInt(end) ? undefined : `ends at ${hexOf(m.end)}, not ${hexOf(end)}`,
    );
  if (at !== undefined)
    wish(`at ${hexOf(at)}`, (m) => (holds(m, at) ? undefined : `does not hold ${hexOf(at)}`));
  if (size !== undefined)
    wish(`of ${sizeText(size)}`, (m) =>
      m.end - m.start === size ? undefined : `size ${sizeText(m.end - m.start)}, not ${sizeText(size)}`,
    );
  if (permissions !== undefined)
    wish(`with ${permissions}`, (m) =>
      isPermitted(m.permissions, permissions)
        ? undefined
        : `permissions ${m.permissions}, not ${permissions}`,
    );
  if (offset !== undefined)
    wish(`at offset ${hexOf(offset)}`, (m) =>
      m.offset === offset ? undefined : `offset ${hexOf(m.offset ?? 0)}, not ${hexOf(offset)}`,
    );
  return wishes;
}

const holds = ({ start, end }: Mapping, at: Word): boolean =>
  BigInt(at) >= BigInt(start) && BigInt(at) < BigInt(end);

const isNamed = (name: string, wanted: string | RegExp): boolean =>
  typeof wanted === "string" ? name === wanted : name.search(wanted) >= 0;

const isPermitted = (permissions: string, wanted: string): boolean =>
  wanted.length === permissions.length &&
  [...wanted].every((letter, i) => letter === "?" || letter === permissions[i]);

/** A pattern in words: `a mapping named [heap], with rw-p`. */
export const patternText = (pattern: MappingPattern): string =>
  `a mapping ${wishesOf(pattern)
    .map(({ text }) => text)
    .join(", ")}`.trim();

/** The mappings that are as wished. */
export const matchesOf = ({ mappings }: Maps, pattern: MappingPattern): readonly Mapping[] => {
  const wishes = wishesOf(pattern);
  return mappings.filter((mapping) => wishes.every((wish) => wish.fault(mapping) === undefined));
};

/** How many near misses are worth showing. */
const SHOWN = 3;

/** The mappings that come nearest to a pattern, with what is otherwise: those with the fewest faults. */
export function nearest({ mappings }: Maps, pattern: MappingPattern): readonly Judged[] {
  const wishes = wishesOf(pattern);
  const judged = mappings.map((mapping) => ({
    mapping,
    faults: wishes.flatMap((wish) => wish.fault(mapping) ?? []),
  }));
  const fewest = Math.min(...judged.map(({ faults }) => faults.length));
  return fewest === wishes.length
    ? []
    : judged.filter(({ faults }) => faults.length === fewest).slice(0, SHOWN);
}
