import { decodeUtf8 } from "../strace/text/strings.ts";

/** A path's bytes as text. */
export const bytesText = (bytes: Uint8Array): string =>
  decodeUtf8(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
