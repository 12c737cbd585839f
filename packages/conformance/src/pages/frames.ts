import { type FamilyMoment, PAGEMAP } from "./account.ts";

/**
 * Which frame of the model is which frame of the kernel, in the course of a run. Neither side's numbers mean
 * anything to the other; but as long as a frame is mapped or swapped out anywhere in the family, it must stay
 * the same on both sides, and two pages must share a frame on both sides or on none.
 */
export class Frames {
  #model = new Map<number, number>();
  #kernel = new Map<number, number>();

  /**
   * Compares the pages of two moments that agree in everything else, and takes note of new frames.
   *
   * @param renews whether the operation may have freed a frame and taken it again for something new: then only
   * the sharing is compared
   * @returns the first page whose frames do not belong together
   */
  compare(model: FamilyMoment, kernel: FamilyMoment, renews: boolean): string | undefined {
    const toModel = new Map<number, number>();
    const toKernel = new Map<number, number>();
    let differs: string | undefined;
    eachFrame(model, kernel, (member, address, ours, theirs) => {
      const wanted = toModel.get(theirs) ?? (renews ? ours : (this.#model.get(theirs) ?? ours));
      const backward = toKernel.get(ours) ?? (renews ? theirs : (this.#kernel.get(ours) ?? theirs));
      toModel.set(theirs, ours);
      toKernel.set(ours, theirs);
      if (wanted === ours && backward === theirs) return;
      const kept = [this.#model.get(theirs) === wanted, this.#kernel.get(ours) === backward] as const;
      differs ??= `member ${member}, 0x${address.toString(16)}: ${storyOf(...kept)}`;
    });
    this.#model = toModel;
    this.#kernel = toKernel;
    return differs;
  }
}

function storyOf(kernelKept: boolean, modelKept: boolean): string {
  if (kernelKept && !modelKept) return "the kernel has a frame from before, the model another";
  if (modelKept && !kernelKept) return "the model has a frame from before, the kernel another";
  return "the frame is another page's too, on one side only";
}

type Visit = (member: number, address: number, model: number, kernel: number) => void;

/** Calls back for each page of both moments that has a frame or a place in swap. */
function eachFrame(model: FamilyMoment, kernel: FamilyMoment, visit: Visit): void {
  for (const [number, { mappings }] of kernel.members) {
    const mine = model.members.get(number)?.mappings ?? [];
    mappings.forEach(({ bits, frames, start }, i) => {
      const others = mine[i]?.frames ?? [];
      for (let page = 0; page < frames.length; page++) {
        const sign = signOf(bits[page] ?? 0);
        if (sign === 0) continue;
        visit(number, start + page * 4096, sign * (others[page] ?? 0), sign * (frames[page] ?? 0));
      }
    });
  }
}

/** Frames count upwards, places in swap downwards; 0 for what is neither. */
function signOf(bits: number): 1 | -1 | 0 {
  if ((bits & PAGEMAP.PRESENT) !== 0) return 1;
  return (bits & PAGEMAP.SWAP) !== 0 && (bits & PAGEMAP.GUARD) === 0 ? -1 : 0;
}
