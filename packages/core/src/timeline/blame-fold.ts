import { type MmId, PAGE_SIZE } from "../base/index.ts";
import type { Event, KernelStep, SpaceStep } from "../kernel/index.ts";
import { VM, VM_ACCESS_FLAGS, type Vma, type VmaStep } from "../mm/index.ts";
import { MARK, PAGE, type SpaceHistory, SpaceHistoryDraft } from "./blame-history.ts";
import { diffPages, type PageChangeKind } from "./pages-diff.ts";

/** Pages [from, to) of a VMA that an event left, and the VMA that it found them in: page + shift there. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly source: Vma;
  readonly shift: number;
}

/** Memory that mremap took elsewhere: pages [to, to + pages) were `shift` further on, in the VMAs `sources`. */
export interface Move {
  readonly to: number;
  readonly pages: number;
  readonly shift: number;
  readonly sources: readonly Vma[];
}

/** VMAs of an address space in a range of pages, as an event finds them. */
export type VmasBefore = (start: number, end: number) => readonly Vma[];

/** How pages get what they hold; what only changes an entry's rights is no business of blame. */
const PAGE_KINDS: Partial<Record<PageChangeKind, number>> = {
  populated: PAGE.POPULATED,
  replaced: PAGE.REPLACED,
  "swapped in": PAGE.SWAPPED_IN,
};

/**
 * A fold over the steps of a log's events, in order: what every event did to the VMAs of every address space, so that
 * one can later ask where a range comes from. It keeps what changed and nothing that stayed, a few numbers an event.
 */
export class BlameFold {
  readonly #spaces = new Map<MmId, SpaceHistoryDraft>();

  /**
   * @param mm the address space of the task that asked, before the event; 0 for none
   * @param moved what the event moved: `moveOf`
   * @param steps what the event's journal heard
   */
  event(event: Event, mm: MmId, moved: Move | undefined, steps: readonly KernelStep[]): void {
    const { seq, request } = event;
    const edits = new Map<MmId, SpaceEdit>();
    const born = new Set<MmId>();
    for (const step of steps) {
      if (step.kind === "space" && step.after) {
        if (request.call === "clone") born.add(step.mm);
        this.#spaces.set(step.mm, new SpaceHistoryDraft(seq, request.call === "clone" ? mm : 0));
        this.#edit(edits, step.mm).take(wholeSpace(step));
      } else if (step.kind === "vma") this.#edit(edits, step.mm).take(step);
    }
    for (const [id, edit] of edits) {
      if (born.has(id)) continue;
      if (id === mm && moved) edit.move(moved);
      edit.tell(this.#spaces.get(id), seq);
    }
    for (const step of steps) {
      if (step.kind !== "pte" || born.has(step.mm) || step.before === step.after) continue;
      const space = this.#spaces.get(step.mm);
      for (const { kind, start, end } of diffPages(step.before, step.after)) {
        const code = PAGE_KINDS[kind];
        if (code === undefined || !space) continue;
        notePages(space, seq, { start, end, code }, step.mm === mm ? moved : undefined);
      }
    }
  }

  /** Every address space that there ever was, by its id. */
  spaces(): ReadonlyMap<MmId, SpaceHistory> {
    return this.#spaces;
  }

  #edit(edits: Map<MmId, SpaceEdit>, mm: MmId): SpaceEdit {
    const known = edits.get(mm);
    if (known) return known;
    const made = new SpaceEdit();
    edits.set(mm, made);
    return made;
  }
}

/** What mremap is about to move; undefined for any other event, and for one that moves nothing. */
export function moveOf({ request, outcome }: Event, before: VmasBefore): Move | undefined {
  if (request.call !== "mremap" || !("ret" in outcome)) return undefined;
  const [from, to] = [Number(request.addr) / PAGE_SIZE, Number(outcome.ret) / PAGE_SIZE];
  const bytes = Math.min(Number(request.oldLength), Number(request.newLength));
  const pages = Math.ceil(bytes / PAGE_SIZE);
  if (from === to || pages === 0) return undefined;
  return { to, pages, shift: from - to, sources: before(from, from + pages) };
}

const wholeSpace = ({ mm, after }: SpaceStep): VmaStep => ({
  kind: "vma",
  mm,
  before: [],
  after: after?.vmas.toArray() ?? [],
});

interface PageRun {
  readonly start: number;
  readonly end: number;
  readonly code: number;
}

/** Pages that came to where mremap put them are told as moved, the others by what became of them. */
function notePages(space: SpaceHistoryDraft, seq: number, run: PageRun, move: Move | undefined): void {
  if (!move) {
    space.addPages(run.start, run.end, seq, run.code, 0);
    return;
  }
  const from = Math.max(run.start, move.to);
  const to = Math.max(from, Math.min(run.end, move.to + move.pages));
  const rest: readonly (readonly [number, number])[] = [
    [run.start, Math.min(from, run.end)],
    [to, run.end],
  ];
  if (from < to) space.addPages(from, to, seq, PAGE.MOVED, move.shift);
  for (const [start, end] of from < to ? rest : [[run.start, run.end] as const])
    if (start < end) space.addPages(start, end, seq, run.code, 0);
}

/** One address space through one event: the VMAs that it left behind, and of what each is made. */
class SpaceEdit {
  readonly #now = new Map<Vma, readonly Piece[]>();

  /** Pages on both sides of a step stay what they were; those of another object, or of nothing, are new. */
  take({ before, after }: VmaStep): void {
    const known = before.map((vma) => {
      const pieces = this.#now.get(vma) ?? [whole(vma)];
      this.#now.delete(vma);
      return { vma, pieces };
    });
    for (const vma of after) {
      const pieces = known.flatMap((old) => (sameObject(old.vma, vma) ? clip(old.pieces, vma) : []));
      this.#now.set(vma, pieces);
    }
  }

  /** Where nothing is known of pages that mremap moved, they come from where they were. */
  move({ to, pages, shift, sources }: Move): void {
    for (const [vma, pieces] of this.#now) {
      const range = { start: Math.max(vma.start, to), end: Math.min(vma.end, to + pages) };
      if (range.start >= range.end) continue;
      const fresh = gaps(pieces, range);
      const moved = fresh.flatMap(({ start, end }) =>
        sources.flatMap((source): Piece[] => {
          const from = Math.max(start, source.start - shift);
          const until = Math.min(end, source.end - shift);
          return from < until ? [{ from, to: until, source, shift }] : [];
        }),
      );
      this.#now.set(
        vma,
        [...pieces, ...moved].sort((a, b) => a.from - b.from),
      );
    }
  }

  tell(space: SpaceHistoryDraft | undefined, seq: number): void {
    const parts = new Map<Vma, Set<Vma>>();
    for (const [vma, pieces] of this.#now)
      for (const { source } of pieces) parts.set(source, (parts.get(source) ?? new Set()).add(vma));
    for (const [vma, pieces] of this.#now) {
      const joined = join(pieces);
      const [one] = joined;
      if (one && joined.length === 1 && isUnchanged(vma, one)) continue;
      const sources = new Set(joined.map(({ source }) => source));
      const common = (gaps(joined, vma).length > 0 ? MARK.GROWN : 0) | (sources.size > 1 ? MARK.MERGED : 0);
      space?.addVersion(vma.start, vma.end, seq, permissionBits(vma));
      for (const piece of joined) {
        const { from, to, source, shift } = piece;
        const kept = joined.reduce((n, p) => (p.source === source ? n + p.to - p.from : n), 0);
        const lost = kept < source.pages;
        const split = (parts.get(source)?.size ?? 0) > 1;
        const marks =
          common |
          attributeMarks(source, vma) |
          (shift !== 0 ? MARK.MOVED : 0) |
          (lost && split ? MARK.SPLIT : 0) |
          (lost && !split && shift === 0 ? MARK.SHRUNK : 0);
        space?.addEdge(source.start, from, to, shift, marks);
      }
    }
  }
}

const whole = (vma: Vma): Piece => ({ from: vma.start, to: vma.end, source: vma, shift: 0 });

const clip = (pieces: readonly Piece[], { start, end }: Vma): readonly Piece[] =>
  pieces
    .map((piece) => ({ ...piece, from: Math.max(piece.from, start), to: Math.min(piece.to, end) }))
    .filter(({ from, to }) => from < to);

/** Neighbouring pieces of one source as one. */
function join(pieces: readonly Piece[]): readonly Piece[] {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last && last.to === piece.from && last.source === piece.source && last.shift === piece.shift)
      joined[joined.length - 1] = { ...last, to: piece.to };
    else joined.push(piece);
  }
  return joined;
}

type Range = { readonly start: number; readonly end: number };

/** What of a range no piece covers. */
function gaps(pieces: readonly Piece[], { start, end }: Range): readonly Range[] {
  const found: Range[] = [];
  let at = start;
  for (const { from, to } of pieces) {
    if (from > at && at < end) found.push({ start: at, end: Math.min(from, end) });
    at = Math.max(at, to);
  }
  if (at < end) found.push({ start: at, end });
  return found;
}

const sameObject = (b: Vma, a: Vma): boolean =>
  b.file === a.file && b.ops === a.ops && b.pgoff - b.start === a.pgoff - a.start;

const isUnchanged = (vma: Vma, { from, to, source, shift }: Piece): boolean =>
  shift === 0 &&
  from === vma.start &&
  to === vma.end &&
  source.start === vma.start &&
  source.end === vma.end &&
  attributeMarks(source, vma) === 0;

function attributeMarks(b: Vma, a: Vma): number {
  if (((b.flags ^ a.flags) & VM_ACCESS_FLAGS) !== 0) return MARK.PROTECTED;
  return b.flags !== a.flags || b.high !== a.high || b.policy !== a.policy ? MARK.CHANGED : 0;
}

const permissionBits = ({ flags }: Vma): number =>
  ((flags & VM.READ) !== 0 ? 1 : 0) |
  ((flags & VM.WRITE) !== 0 ? 2 : 0) |
  ((flags & VM.EXEC) !== 0 ? 4 : 0) |
  ((flags & VM.SHARED) !== 0 ? 8 : 0);
