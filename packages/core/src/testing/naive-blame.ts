import { PAGE_SIZE } from "../base/index.ts";
import type { Event, KernelState } from "../kernel/index.ts";
import { type MmStruct, VM, type Vma } from "../mm/index.ts";
import type { BlameMark } from "../timeline/index.ts";

/** What blame should say of one page: the event that mapped it, and each event that did something to it since. */
export interface Label {
  readonly created: number;
  readonly way: readonly { readonly seq: number; readonly marks: readonly BlameMark[] }[];
}

type Labels = ReadonlyMap<number, Label>;

const ACCESS = VM.READ | VM.WRITE | VM.EXEC;

/**
 * Blame in the plainest terms: a map from page to label for every address space. It looks at the whole of both states
 * around an event and at what was asked, never at steps.
 */
export class NaiveBlame {
  readonly labels = new Map<number, Labels>();

  event(event: Event, before: KernelState, after: KernelState): void {
    const asking = before.tasks.get(event.tid)?.mm ?? 0;
    for (const mm of after.mms.values()) {
      const old = before.mms.get(mm.id);
      if (old) this.labels.set(mm.id, this.#changed(event, old, mm, mm.id === asking));
      else this.labels.set(mm.id, this.#made(event, mm, asking));
    }
    for (const id of [...this.labels.keys()]) if (!after.mms.has(id as never)) this.labels.delete(id);
  }

  #made({ seq, request }: Event, mm: MmStruct, parent: number): Labels {
    const inherited = request.call === "clone" ? this.labels.get(parent) : undefined;
    const labels = new Map<number, Label>();
    for (const vma of mm.vmas.items())
      for (let page = vma.start as number; page < vma.end; page++) {
        const label = inherited?.get(page);
        labels.set(page, label ? lengthened(label, seq, ["forked"]) : { created: seq, way: [] });
      }
    return labels;
  }

  #changed(event: Event, before: MmStruct, after: MmStruct, asked: boolean): Labels {
    if (sameRows(before, after)) return this.labels.get(before.id) ?? new Map();
    const was = byPage(before);
    const is = byPage(after);
    const from = origins(event, was, is, asked);
    const labels = new Map<number, Label>();
    const old = this.labels.get(before.id);
    for (const [page, vma] of is) {
      const origin = from.get(page);
      const label = origin === undefined ? undefined : old?.get(origin);
      if (origin === undefined || !label) labels.set(page, { created: event.seq, way: [] });
      else labels.set(page, lengthened(label, event.seq, marksOf(page, origin, { was, is, from, vma })));
    }
    return labels;
  }
}

type ByPage = ReadonlyMap<number, Vma>;
type Origins = ReadonlyMap<number, number>;

function byPage(mm: MmStruct): ByPage {
  const pages = new Map<number, Vma>();
  for (const vma of mm.vmas.items())
    for (let page = vma.start as number; page < vma.end; page++) pages.set(page, vma);
  return pages;
}

/** For every page that is mapped behind the event and was before: where it was. */
function origins({ request, outcome }: Event, was: ByPage, is: ByPage, asked: boolean): Origins {
  const from = new Map<number, number>();
  const ret = "ret" in outcome ? Number(outcome.ret) / PAGE_SIZE : Number.NaN;
  const { call } = request;
  // What these map is new, whatever was there.
  const fresh = (page: number): boolean => {
    if (!asked || Number.isNaN(ret)) return false;
    if (call === "mmap") return page >= ret && page < ret + Number(request.length) / PAGE_SIZE;
    if (call === "shmat") return is.get(page)?.start === ret;
    return false;
  };
  for (const page of is.keys()) if (was.has(page) && !fresh(page)) from.set(page, page);
  if (call !== "mremap" || !asked || Number.isNaN(ret)) return from;
  const old = Number(request.addr) / PAGE_SIZE;
  if (old === ret) return from;
  const kept = Math.min(Number(request.oldLength), Number(request.newLength)) / PAGE_SIZE;
  for (let i = 0; i < Number(request.newLength) / PAGE_SIZE; i++) {
    if (i < kept && was.has(old + i)) from.set(ret + i, old + i);
    else from.delete(ret + i);
  }
  return from;
}

interface Scene {
  readonly was: ByPage;
  readonly is: ByPage;
  readonly from: Origins;
  readonly vma: Vma;
}

function marksOf(page: number, origin: number, { was, is, from, vma }: Scene): readonly BlameMark[] {
  const source = was.get(origin) as Vma;
  const sources = new Set<Vma>();
  let [fresh, kept] = [false, 0];
  for (let p = vma.start as number; p < vma.end; p++) {
    const o = from.get(p);
    if (o === undefined) fresh = true;
    else sources.add(was.get(o) as Vma);
    if (o !== undefined && was.get(o) === source) kept++;
  }
  const owners = new Set<Vma>();
  for (const [p, o] of from) if (was.get(o) === source) owners.add(is.get(p) as Vma);
  const moved = page !== origin;
  const marks: BlameMark[] = [];
  if (moved) marks.push("moved");
  if (((source.flags ^ vma.flags) & ACCESS) !== 0) marks.push("protected");
  else if (source.flags !== vma.flags || source.high !== vma.high || source.policy !== vma.policy)
    marks.push("changed");
  const lost = kept < source.pages;
  if (lost && owners.size > 1) marks.push("split");
  else if (lost && !moved) marks.push("shrunk");
  if (sources.size > 1) marks.push("merged");
  if (fresh) marks.push("grown");
  return marks;
}

const lengthened = (label: Label, seq: number, marks: readonly BlameMark[]): Label =>
  marks.length === 0 ? label : { ...label, way: [...label.way, { seq, marks }] };

function sameRows(a: MmStruct, b: MmStruct): boolean {
  const row = (v: Vma): string => [v.start, v.end, v.flags, v.high, v.policy, v.file, v.pgoff].join();
  return a.vmas.toArray().map(row).join(" ") === b.vmas.toArray().map(row).join(" ") && a.vmas === b.vmas;
}
