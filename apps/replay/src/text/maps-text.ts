import {
  assert,
  diffTrees,
  type Event,
  emptyMm,
  type KernelState,
  type MmId,
  type MmStruct,
  maps,
  mapsLine,
  type Pid,
  type Vma,
} from "@pagetrail/core";

/** Lines that one piece of a text has at most, and with how many it is made. */
const MOST_LINES = 64;
const MADE_LINES = 32;

/** A run of neighbouring VMAs and their lines, joined once. */
interface Piece {
  readonly vmas: Vma[];
  text: string | undefined;
}

/**
 * The text of one address space, kept in pieces: a change costs the piece that it falls into, not all
 * the lines.
 */
class MmText {
  #mm: MmStruct;
  #pieces: Piece[] = [];
  #lines = new WeakMap<Vma, string>();
  #text: string | undefined;
  /** The state of names for which the pieces and lines hold. */
  #names: number;

  constructor(mm: MmStruct, names: number) {
    this.#mm = mm;
    this.#names = names;
    this.#cut(mm);
  }

  /** Brings the pieces to a later moment of the same address space. */
  follow(mm: MmStruct, names: number): void {
    if (mm === this.#mm && names === this.#names) return;
    const before = this.#mm;
    this.#mm = mm;
    if (names !== this.#names || !sameNaming(before, mm)) {
      this.#names = names;
      this.#cut(mm);
      return;
    }
    diffTrees(before.vmas, mm.vmas, (old, now) => {
      this.#text = undefined;
      if (old && now && old.start === now.start) this.#exchange(old, now);
      else {
        if (old) this.#take(old);
        if (now) this.#put(now);
      }
    });
  }

  /** The lines of all VMAs, each made by `line`, and `tail`. */
  text(line: (vma: Vma) => string, tail: string): string {
    this.#text ??= this.#pieces.map((piece) => this.#pieceText(piece, line)).join("") + tail;
    return this.#text;
  }

  #pieceText(piece: Piece, line: (vma: Vma) => string): string {
    piece.text ??= piece.vmas.map((vma) => this.#lineText(vma, line)).join("");
    return piece.text;
  }

  #lineText(vma: Vma, line: (vma: Vma) => string): string {
    const known = this.#lines.get(vma);
    if (known !== undefined) return known;
    const text = line(vma);
    this.#lines.set(vma, text);
    return text;
  }

  #cut(mm: MmStruct): void {
    const vmas = mm.vmas.toArray();
    this.#pieces = [];
    this.#lines = new WeakMap();
    this.#text = undefined;
    for (let at = 0; at < vmas.length; at += MADE_LINES)
      this.#pieces.push({ vmas: vmas.slice(at, at + MADE_LINES), text: undefined });
  }

  /** Index of the piece in which a VMA that starts at `start` stands, or belongs. */
  #pieceAt(start: number): number {
    let [low, high] = [0, this.#pieces.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#pieces[middle]?.vmas[0]?.start ?? 0) <= start) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #exchange(old: Vma, now: Vma): void {
    const piece = this.#pieces[this.#pieceAt(old.start)];
    const index = piece?.vmas.indexOf(old) ?? -1;
    assert(piece && index >= 0, "a VMA that is exchanged has its line");
    piece.vmas[index] = now;
    piece.text = undefined;
  }

  #take(old: Vma): void {
    const at = this.#pieceAt(old.start);
    const piece = this.#pieces[at];
    const index = piece?.vmas.indexOf(old) ?? -1;
    assert(piece && index >= 0, "a VMA that is taken away has its line");
    piece.vmas.splice(index, 1);
    piece.text = undefined;
    if (piece.vmas.length === 0) this.#pieces.splice(at, 1);
  }

  #put(now: Vma): void {
    const at = this.#pieceAt(now.start);
    const piece = this.#pieces[at];
    if (!piece) {
      this.#pieces.push({ vmas: [now], text: undefined });
      return;
    }
    const index = piece.vmas.findIndex((v) => v.start > now.start);
    piece.vmas.splice(index < 0 ? piece.vmas.length : index, 0, now);
    piece.text = undefined;
    if (piece.vmas.length <= MOST_LINES) return;
    const rest = piece.vmas.splice(MADE_LINES);
    this.#pieces.splice(at + 1, 0, { vmas: rest, text: undefined });
  }
}

/** Whether [heap] and [stack] stand for the same places. */
const sameNaming = (a: MmStruct, b: MmStruct): boolean =>
  a.brk === b.brk && a.startBrk === b.startBrk && a.startStack === b.startStack;

/**
 * The maps of every process as a replay goes on, remembered from event to event. Texts come encoded,
 * line by line, as the caller wants them.
 */
export class MapsTexts {
  readonly #texts = new Map<MmId, MmText>();
  readonly #last = new Map<Pid, string>();
  readonly #encode: (text: string) => string;
  #names = 0;
  readonly #tails = new Map<string, string>();

  /** @param encode of a text with its newlines; the encoding of two texts is that of both, joined */
  constructor(encode: (text: string) => string) {
    this.#encode = encode;
  }

  /** To be told of every event with the state before it: some change the names of mapped files. */
  watch({ request }: Event, before: KernelState): void {
    const renames = request.call === "unlink" || request.call === "rename";
    if (renames || (request.call === "file" && before.files.has(request.file.id))) this.#names += 1;
  }

  /** The process's maps, or undefined when they are the same as when it was last asked for. */
  changed(state: KernelState, process: Pid, mm: MmStruct): string | undefined {
    const text = this.#of(state, mm);
    if (this.#last.get(process) === text) return undefined;
    this.#last.set(process, text);
    return text;
  }

  #of(state: KernelState, mm: MmStruct): string {
    let known = this.#texts.get(mm.id);
    if (known) known.follow(mm, this.#names);
    else {
      this.#sweep(state);
      known = new MmText(mm, this.#names);
      this.#texts.set(mm.id, known);
    }
    return known.text((vma) => this.#encode(`${mapsLine(state, mm, vma)}\n`), this.#vsyscall(state, mm));
  }

  /** The line of no VMA that processes of a layout have: all that an empty address space prints. */
  #vsyscall(state: KernelState, { layout }: MmStruct): string {
    let tail = this.#tails.get(layout.name);
    if (tail === undefined) {
      tail = this.#encode(maps(state, emptyMm(0 as MmId, layout)));
      this.#tails.set(layout.name, tail);
    }
    return tail;
  }

  /** Forgets address spaces that are gone. */
  #sweep(state: KernelState): void {
    if (this.#texts.size <= 2 * state.mms.size + 16) return;
    for (const id of this.#texts.keys()) if (!state.mms.has(id)) this.#texts.delete(id);
  }
}
