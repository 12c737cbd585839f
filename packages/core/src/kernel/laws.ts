import type { Violation } from "../base/index.ts";
import { kmapLaw, vmallocLaw } from "../kspace/index.ts";
import { accountingLaw, orderLaw } from "../mm/index.ts";
import { ownershipLaw } from "../process/index.ts";
import { kernelHalf } from "./kspace.ts";
import { pagesLaw } from "./pages-law.ts";
import type { KernelState } from "./state.ts";

/** Every law of every room, on one state. Nothing yielded means that all of them hold. */
export function* violations(state: KernelState): Iterable<Violation> {
  for (const mm of state.mms.values()) {
    yield* orderLaw(mm);
    yield* accountingLaw(mm);
  }
  yield* ownershipLaw(state.tasks.values(), state.mms.values(), state.groups.values());
  yield* filesLaw(state);
  yield* pagesLaw(state);
  const half = kernelHalf(state.profile);
  yield* vmallocLaw(state.kspace, half);
  yield* kmapLaw(state.kspace, half);
}

/** A file counts the VMAs that map it, and every mapped file is there. */
function* filesLaw(state: KernelState): Iterable<Violation> {
  const counts = new Map<number, number>();
  for (const mm of state.mms.values())
    for (const v of mm.vmas.items()) if (v.file !== 0) counts.set(v.file, (counts.get(v.file) ?? 0) + 1);
  for (const { file, mappings } of state.files.values()) {
    const n = counts.get(file.id) ?? 0;
    counts.delete(file.id);
    if (n !== mappings)
      yield { law: "files", where: `file ${file.id}`, what: `counts ${mappings} mappings, has ${n}` };
  }
  for (const id of counts.keys()) yield { law: "files", where: `file ${id}`, what: "mapped, but not there" };
}
