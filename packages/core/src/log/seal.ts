import { type HasherFactory, hashText } from "./hasher.ts";
import { isCount, isObject, parseObject, toLine } from "./line.ts";

/** What a seal vouches for. */
export type SealClaim = {
  /** The last event before the seal. */
  readonly seq: number;
  /** How many events its segment holds. */
  readonly events: number;
  /** A digest of the model's state there, as the writer's caller spells it. */
  readonly state: string;
  /** The writer finished here, rather than being stopped. */
  readonly end: boolean;
};

export type Seal = SealClaim & {
  /** Hex SHA-256 over the previous hash, the segment's lines and the claim. */
  readonly sha256: string;
};

const SEAL_MARK = '{"seal":';

export const isSealLine = (line: string): boolean => line.startsWith(SEAL_MARK);

/** Seals a segment's lines (each with its newline) behind the seal or header whose hash is `previous`. */
export function makeSeal(
  segment: { readonly previous: string; readonly lines: string; readonly claim: SealClaim },
  hash: HasherFactory,
): Seal {
  const { previous, lines, claim } = segment;
  return { ...claim, sha256: hashText(hash, previous, lines, sealLine(claim)) };
}

/** The seal's line, newline included. */
export function encodeSeal(seal: Seal): string {
  return sealLine(seal, seal.sha256);
}

/** A seal's line; without its hash it is the text that the hash covers. */
function sealLine({ seq, events, state, end }: SealClaim, sha256?: string): string {
  return toLine({
    seal: {
      seq,
      events,
      ...(sha256 === undefined ? {} : { sha256 }),
      state,
      ...(end ? { end } : {}),
    },
  });
}

/** Reads a seal's line without its newline; undefined unless it is spelled exactly as it is written. */
export function decodeSeal(line: string): Seal | undefined {
  const seal = parseObject(line)?.seal;
  if (!isObject(seal)) return undefined;
  const { seq, events, sha256, state, end } = seal;
  if (!isCount(seq) || !isCount(events) || typeof sha256 !== "string" || typeof state !== "string") {
    return undefined;
  }
  const read = { seq, events, sha256, state, end: end === true };
  return encodeSeal(read) === `${line}\n` ? read : undefined;
}

/**
 * Whether a bad last line was a seal once: an interrupted write leaves the beginning of a line, so a
 * seal with anything wrong in it or behind it was damaged afterwards.
 */
export function wasSeal(line: string, whole: boolean): boolean {
  if (whole) return line.includes('"seal":{') || line.includes('"sha256":"');
  return decodeSeal(line.slice(0, -1)) !== undefined;
}
