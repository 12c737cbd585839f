import { KERNEL_HALF, type KernelHalf, kernelHalf32 } from "../arch/index.ts";
import { hex } from "../base/index.ts";
import {
  checkOutKspace,
  emptyKspace,
  FrameSource,
  freezeKspace,
  type Kspace,
  type KspaceDraft,
  type KspaceEnv,
  kmapLaw,
  vmallocLaw,
} from "../kspace/index.ts";

/** A small kernel half: a vmalloc range of so many pages, and so many slots for kmap. */
export const smallHalf = (pages: number, slots = 4): KernelHalf => {
  const half = kernelHalf32({ pae: true, kmapSlots: "stack", memory: 1n << 32n });
  const { start } = half.vmalloc;
  return {
    ...half,
    vmalloc: { start, end: (start + pages) as typeof start },
    pkmap: { start: half.pkmap?.start ?? 0n, slots },
  };
};

/** A kernel half that tests drive, with frames to hand out. */
export class KspaceTestMachine {
  draft: KspaceDraft = checkOutKspace(emptyKspace());
  readonly env: KspaceEnv;

  constructor(
    readonly half: KernelHalf = KERNEL_HALF,
    { totalPages = 2 ** 20, cpus = 1 }: { readonly totalPages?: number; readonly cpus?: number } = {},
  ) {
    const frames = {
      alloc: (order: number): number | undefined => this.source.alloc(order),
      free: (pfn: number, order: number): void => this.source.free(pfn, order),
    };
    this.env = { half, totalPages, cpus, frames };
  }

  private get source(): FrameSource {
    return new FrameSource(this.draft, this.env.totalPages);
  }

  /** Freezes what there is, and goes on with a copy. */
  commit(): Kspace {
    const committed = freezeKspace(this.draft);
    this.draft = checkOutKspace(committed);
    return committed;
  }

  violations(): readonly string[] {
    const all = [...vmallocLaw(this.draft, this.half), ...kmapLaw(this.draft, this.half)];
    return all.map(({ where, what }) => `${where}: ${what}`);
  }

  /**
   * The beginning of the vmalloc range as text: a letter a page of vmalloc (A the first area, B the second …),
   * small for vmap, `g` its guard page, `~` what waits to be purged, `.` what is free.
   */
  row(pages: number): string {
    const { start } = this.half.vmalloc;
    let text = "";
    let letter = 0;
    for (const area of this.draft.areas.items()) {
      if (area.start >= start + pages) break;
      text += ".".repeat(area.start - start - text.length);
      const length = area.end - area.start;
      const name = String.fromCharCode(65 + letter);
      if (area.kind === "lazy") text += "~".repeat(length);
      else {
        const mapped = area.kind === "vmap" ? name.toLowerCase() : name;
        text += mapped.repeat(area.frames.length) + "g".repeat(length - area.frames.length);
        letter += 1;
      }
    }
    return text.padEnd(pages, ".").slice(0, pages);
  }
}

/** An address, or the errno and the reason of a refusal, in brief. */
export const brief = (
  result:
    | { readonly ok: true; readonly value: number | bigint | undefined }
    | { readonly ok: false; readonly error: { readonly errno: string } },
): string => {
  if (!result.ok) return result.error.errno;
  if (result.value === undefined) return "ok";
  return typeof result.value === "number" ? hex(result.value) : `0x${result.value.toString(16)}`;
};
