import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

/*
 * A packed log is gzip members one behind the other: the header's line, then each segment with its seal. An extra
 * field of the member's own head says how long the member is, so that a reader goes from one to the next without
 * unpacking, and tells a member that was cut off from one that was damaged. `zcat` passes over it.
 */

const HEAD = 24;
const TRAILER = 8;
/** gzip, deflate, with an extra field; no time; the smallest it can be; of no system in particular. */
const BEGIN = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 2, 255, 12, 0, 0x50, 0x54, 8, 0];
const LEVEL = 9;

/** What the first bytes of a member say: its whole length, or why they do not. */
export type MemberHead =
  | { readonly kind: "member"; readonly bytes: number }
  /** It ends before its head does. */
  | { readonly kind: "cut" }
  | { readonly kind: "damaged" }
  /** What another program packed: gzip, without our extra field. */
  | { readonly kind: "foreign" };

export const MEMBER_HEAD = HEAD;

/** Packs bytes as one member. */
export function packMember(text: Uint8Array): Uint8Array {
  const deflated = deflateRawSync(text, { level: LEVEL });
  const member = Buffer.alloc(HEAD + deflated.length + TRAILER);
  member.set(BEGIN);
  member.writeUInt32LE(member.length, 16);
  member.writeUInt32LE(~member.length >>> 0, 20);
  member.set(deflated, HEAD);
  member.writeUInt32LE(crc32(text), HEAD + deflated.length);
  member.writeUInt32LE(text.length, HEAD + deflated.length + 4);
  return member;
}

/** Reads a member's head; `bytes` may be fewer than it has where the file ends. */
export function memberHead(bytes: Uint8Array): MemberHead {
  const wrong = BEGIN.findIndex((byte, i) => i < bytes.length && bytes[i] !== byte);
  if (wrong >= 0) return { kind: wrong >= 3 && bytes[3] !== 4 ? "foreign" : "damaged" };
  if (bytes.length < HEAD) return { kind: "cut" };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD);
  const length = view.readUInt32LE(16);
  const sound = length === ~view.readUInt32LE(20) >>> 0 && length > HEAD + TRAILER;
  return sound ? { kind: "member", bytes: length } : { kind: "damaged" };
}

/** The text of a whole member; undefined when it is not what was packed. */
export function unpackMember(member: Uint8Array, most: number): Uint8Array | undefined {
  const trailer = Buffer.from(member.buffer, member.byteOffset + member.length - TRAILER, TRAILER);
  const length = trailer.readUInt32LE(4);
  if (length > most) return undefined;
  try {
    const text = inflateRawSync(member.subarray(HEAD, -TRAILER), { maxOutputLength: length + 1 });
    return text.length === length && crc32(text) === trailer.readUInt32LE(0) ? text : undefined;
  } catch {
    return undefined;
  }
}
