import type { Pid, Violation } from "../base/index.ts";
import { kmapLaw, vmallocLaw } from "../kspace/index.ts";
import { accountingLaw, orderLaw } from "../mm/index.ts";
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
}

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
