import { type Fixmap, fixmapEnd } from "../arch/index.ts";
import { assert, PAGE_SIZE } from "../base/index.ts";

/**
 * The address of a slot: slots go downwards from FIXADDR_TOP.
 * @kernel __fix_to_virt, include/asm-generic/fixmap.h (6.18)
 */
export const fixToVirt = ({ top }: Fixmap, slot: number): bigint => top - BigInt(slot * PAGE_SIZE);

/**
 * The slot at an address; undefined where no permanent slot is.
 * @kernel __virt_to_fix, include/asm-generic/fixmap.h (6.18)
 */
export function virtToFix(fixmap: Fixmap, address: bigint): number | undefined {
  const page = address / BigInt(PAGE_SIZE);
  const slot = Number(fixmap.top / BigInt(PAGE_SIZE) - page);
  return slot >= fixmap.first && slot < fixmapEnd(fixmap) ? slot : undefined;
}

/** The slots of a name, [from, to). */
export function fixedSlots(fixmap: Fixmap, name: string): { readonly from: number; readonly to: number } {
  let from = fixmap.first;
  for (const { name: other, count } of fixmap.slots) {
    if (other === name) return { from, to: from + count };
    from += count;
  }
  assert(false, `the fixmap has ${name}`);
}

/** The slots of every name, [from, to), with the addresses of the first and the last. */
export function fixedAddresses(fixmap: Fixmap): readonly {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly first: bigint;
  readonly last: bigint;
}[] {
  return fixmap.slots.map(({ name }) => {
    const { from, to } = fixedSlots(fixmap, name);
    return { name, from, to, first: fixToVirt(fixmap, from), last: fixToVirt(fixmap, to - 1) };
  });
}
