import type { KernelState } from "../kernel/index.ts";

/** One cache of kernel objects of one size. */
export interface SlabCache {
  /** Objects that are in use. */
  readonly active: number;
  /** Objects that the slabs have room for. */
  readonly objects: number;
  /** Bytes from one object to the next. */
  readonly size: number;
  readonly perSlab: number;
  /** Pages of one slab. */
  readonly pages: number;
  readonly slabs: number;
}

type Shape = Pick<SlabCache, "size" | "perSlab" | "pages">;

/** The caches as the reference kernel has them; sizes depend on its release and configuration. */
const SHAPES = {
  task_struct: { size: 5888, perSlab: 5, pages: 8 },
  signal_cache: { size: 1152, perSlab: 14, pages: 4 },
  mm_struct: { size: 1600, perSlab: 20, pages: 8 },
  vm_area_struct: { size: 192, perSlab: 21, pages: 1 },
} as const satisfies Readonly<Record<string, Shape>>;

type CacheName = keyof typeof SHAPES;

/**
 * The caches whose objects a state has, in as few slabs as hold them: nothing says which slabs of a machine are
 * partly empty.
 */
export function slabCaches(state: KernelState): Readonly<Record<CacheName, SlabCache>> {
  let vmas = 0;
  for (const mm of state.mms.values()) vmas += mm.vmas.size;
  return {
    task_struct: cacheOf("task_struct", state.tasks.size),
    signal_cache: cacheOf("signal_cache", state.groups.size),
    mm_struct: cacheOf("mm_struct", state.mms.size),
    vm_area_struct: cacheOf("vm_area_struct", vmas),
  };
}

function cacheOf(name: CacheName, active: number): SlabCache {
  const shape = SHAPES[name];
  const slabs = Math.ceil(active / shape.perSlab);
  return { active, objects: slabs * shape.perSlab, ...shape, slabs };
}
