import { assert } from "../base/index.ts";
import type { KspaceDraft, PageAllocator } from "./kspace.ts";

/**
 * Single frames for vmalloc, the lowest free one first, out of what `draft` remembers. It stands in for the
 * buddy allocator where a machine has none: which frames an area gets can be seen, but decides nothing.
 */
export class FrameSource implements PageAllocator {
  constructor(
    private readonly draft: KspaceDraft,
    private readonly totalPages: number,
  ) {}

  alloc(order: number): number | undefined {
    assert(order === 0, "frames are handed out one by one");
    const { draft } = this;
    const freed = draft.freeFrames.first();
    if (freed !== undefined) {
      draft.freeFrames.delete(freed);
      return freed;
    }
    if (draft.nextFrame >= this.totalPages) return undefined;
    return draft.nextFrame++;
  }

  free(pfn: number, order: number): void {
    assert(order === 0 && pfn < this.draft.nextFrame, `frame ${pfn} was handed out`);
    this.draft.freeFrames.set(pfn, true);
  }
}
