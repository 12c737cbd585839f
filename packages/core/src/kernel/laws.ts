import { PAGING_MODES } from "../arch/index.ts";
import type { Pid, Violation } from "../base/index.ts";
import { kernelHalfLaw, kmapLaw, type TopLevel, vmallocLaw } from "../kspace/index.ts";
import { accountingLaw, orderLaw } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { ownershipLaw } from "../process/index.ts";
import type { Table } from "../struct/index.ts";
import { kernelHalf } from "./kspace.ts";
import { pagesLaw } from "./pages-law.ts";
import { type KernelState, kinKey } from "./state.ts";
import { tlbLaw } from "./tlb-state.ts";

/** Every law of every room, on one state. Nothing yielded means that all of them hold. */
export function* violations(state: KernelState): Iterable<Violation> {
  for (const mm of state.mms.values()) {
    yield* orderLaw(mm);
    yield* accountingLaw(mm);
  }
  yield* ownershipLaw({
    tasks: state.tasks.values(),
    mms: state.mms.values(),
    groups: state.groups.values(),
    cpus: state.cpus.values(),
    refs: state.refs.values(),
    lazyTlb: state.profile.scheduling.lazyTlb,
    tlbs: state.tlb !== undefined,
  });
  yield* kinLaw(state);
  yield* filesLaw(state);
  yield* pagesLaw(state);
  yield* tlbLaw(state);
  const half = kernelHalf(state.profile);
  yield* vmallocLaw(state.kspace, half);
  yield* kmapLaw(state.kspace, half);
  yield* sharedHalfLaw(state);
}

/**
 * What the kernel half maps is one state of the machine, and no top-level table has entries of its own there: so every
 * address space shows the same, as every pgd has init_mm's entries from KERNEL_PGD_BOUNDARY on.
 */
function sharedHalfLaw({ mms, profile }: KernelState): Iterable<Violation> {
  const { levels } = PAGING_MODES[profile.pages.paging];
  const entries = 2 ** (levels.at(-1)?.bits ?? 0);
  // The upper half of 64 bits; of 32 bits the last of four gigabytes.
  const from = levels.length > 3 ? entries / 2 : (entries * 3) / 4;
  const spaces = [...mms.values()].flatMap(({ id, pages }) =>
    pages ? [{ mm: id, entries: topLevelOf(pages.table.root) }] : [],
  );
  return kernelHalfLaw(() => undefined, spaces, { from, to: entries });
}

const topLevelOf =
  (root: TablePage): TopLevel =>
  (index) => {
    const [low, high] = [root.words[2 * index] ?? 0, root.words[2 * index + 1] ?? 0];
    return low === 0 && high === 0 ? undefined : (BigInt(high) << 32n) + BigInt(low);
  };

/** The indexes of threads and children say what the tasks say. */
function* kinLaw({ tasks, threads, children }: KernelState): Iterable<Violation> {
  const expected = { threads: new Set<number>(), children: new Set<number>() };
  for (const { pid, tgid, parent } of tasks.values()) {
    if (tgid > 0) expected.threads.add(kinKey(tgid, pid));
    if (parent > 0) expected.children.add(kinKey(parent, pid));
  }
  for (const [name, index] of Object.entries({ threads, children }) as [
    "threads" | "children",
    Table<number, Pid>,
  ][]) {
    const keys = [...index.keys()];
    if (keys.length !== expected[name].size || keys.some((key) => !expected[name].has(key)))
      yield {
        law: "kin",
        where: name,
        what: `${keys.length} in the index, ${expected[name].size} among the tasks`,
      };
  }
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
