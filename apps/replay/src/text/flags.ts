import { CLONE, MADV, MAP, MCL, MLOCK_ONFAULT, MREMAP, MS, PROT, PROT_RWX, SHM } from "@pagetrail/core";

type Names = Readonly<Record<string, number>>;

/** The names of the bits that are set, in lower case: `private|anonymous`; unnamed ones as hex. */
function flagNames(value: number, names: Names, none = "0"): string {
  const found: string[] = [];
  let left = value;
  for (const [name, bit] of Object.entries(names)) {
    if (bit === 0 || (left & bit) !== bit) continue;
    found.push(name.toLowerCase());
    left &= ~bit;
  }
  if (left !== 0) found.push(`0x${(left >>> 0).toString(16)}`);
  return found.length === 0 ? none : found.join("|");
}

/** `r-x`, and what else was asked of mprotect. */
export function protText(prot: number): string {
  const letters = [
    (prot & PROT.READ) !== 0 ? "r" : "-",
    (prot & PROT.WRITE) !== 0 ? "w" : "-",
    (prot & PROT.EXEC) !== 0 ? "x" : "-",
  ].join("");
  const more = prot & ~PROT_RWX;
  const { SEM, GROWSDOWN, GROWSUP } = PROT;
  return more === 0 ? letters : `${letters}|${flagNames(more, { SEM, GROWSDOWN, GROWSUP })}`;
}

const { SHARED, PRIVATE, SHARED_VALIDATE, DROPPABLE, TYPE, ...MAP_FLAGS } = MAP;
const MAP_TYPES: Names = { SHARED, PRIVATE, SHARED_VALIDATE, DROPPABLE };

export function mapFlagsText(flags: number): string {
  const type = flags & TYPE;
  const named = Object.entries(MAP_TYPES).find(([, value]) => value === type);
  const kind = named ? named[0].toLowerCase() : `type 0x${type.toString(16)}`;
  const rest = flags & ~TYPE;
  return rest === 0 ? kind : `${kind}|${flagNames(rest, MAP_FLAGS)}`;
}

export const mremapFlagsText = (flags: number): string => flagNames(flags, MREMAP);
export const mlockallFlagsText = (flags: number): string => flagNames(flags, MCL);
export const mlockFlagsText = (flags: number): string => flagNames(flags, { ONFAULT: MLOCK_ONFAULT });
export const msyncFlagsText = (flags: number): string => flagNames(flags, MS);
export const shmFlagsText = (flags: number): string => flagNames(flags, SHM);
export const cloneFlagsText = (flags: number): string => flagNames(flags, CLONE);

export function adviceText(advice: number): string {
  const named = Object.entries(MADV).find(([, value]) => value === advice);
  return named ? named[0].toLowerCase() : String(advice);
}
