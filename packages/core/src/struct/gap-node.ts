/** What a gap tree holds: the half-open range `[start, end)` of page numbers, and whatever else it likes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A token: a tree may change in place only the nodes that carry its own. */
export type Owner = object;

/** The most slots a node keeps; one that outgrows this is split in halves. */
export const MOST_SLOTS = 48;

/** The fewest, except in a root. Far below a half, so that an edit and its undoing do not split and merge. */
export const FEWEST_SLOTS = 12;

/** Two neighbours are merged up to this many slots and evened out above it, which leaves room for growth. */
const MERGED_SLOTS = 36;

const NO_GAPS: number[] = [];

/**
 * One node of a gap tree. The slots of a leaf (height 0) are items, those of a branch are nodes one lower.
 * Slot `i` covers `[bounds[2i], bounds[2i+1])`: the numbers are kept apart from the items, so that a search
 * runs through one flat array, whatever the items look like. `bounds` never descends.
 */
export class GapNode<T extends Span> {
  readonly owner: Owner;
  readonly height: number;
  readonly slots: (T | GapNode<T>)[];
  readonly bounds: number[];
  /** Of a branch: the longest gap between two items below each slot. A leaf has none. */
  readonly gaps: number[];
  /** Where the last search of this node ended: the next one is mostly for the same slot, or one beside it. */
  private guess = 0;

  constructor(owner: Owner, height: number, slots: (T | GapNode<T>)[], bounds: number[], gaps: number[]) {
    this.owner = owner;
    this.height = height;
    this.slots = slots;
    this.bounds = bounds;
    this.gaps = gaps;
  }

  static leaf<T extends Span>(owner: Owner): GapNode<T> {
    return new GapNode<T>(owner, 0, [], [], NO_GAPS);
  }

  static branch<T extends Span>(owner: Owner, children: readonly GapNode<T>[], height: number): GapNode<T> {
    const branch = new GapNode<T>(owner, height, [], [], []);
    for (let i = 0; i < children.length; i++) branch.insertChild(i, children[i] as GapNode<T>);
    return branch;
  }

  copy(owner: Owner): GapNode<T> {
    const gaps = this.height === 0 ? NO_GAPS : this.gaps.slice();
    return new GapNode<T>(owner, this.height, this.slots.slice(), this.bounds.slice(), gaps);
  }

  item(i: number): T {
    return this.slots[i] as T;
  }

  child(i: number): GapNode<T> {
    return this.slots[i] as GapNode<T>;
  }

  start(i: number): number {
    return this.bounds[2 * i] as number;
  }

  end(i: number): number {
    return this.bounds[2 * i + 1] as number;
  }

  /** Index of the first slot that ends above `at`; the number of slots when none does. */
  firstEndingAbove(at: number): number {
    const bounds = this.bounds;
    const guess = this.guess;
    let low = 0;
    let high = this.slots.length;
    if (guess < high) {
      if ((bounds[2 * guess + 1] as number) <= at) {
        low = guess + 1;
        if (low === high || (bounds[2 * low + 1] as number) > at) return low;
      } else {
        high = guess;
        if (high === 0 || (bounds[2 * high - 1] as number) <= at) return high;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[2 * middle + 1] as number) > at) high = middle;
      else low = middle + 1;
    }
    this.guess = low;
    return low;
  }

  /** Index of the last slot that starts below `at`; -1 when none does. */
  lastStartingBelow(at: number): number {
    const bounds = this.bounds;
    const guess = this.guess;
    let low = 0;
    let high = this.slots.length;
    if (guess < high) {
      if ((bounds[2 * guess] as number) < at) {
        low = guess + 1;
        if (low === high || (bounds[2 * low] as number) >= at) return guess;
      } else {
        high = guess;
        if (high === 0 || (bounds[2 * high - 2] as number) < at) return high - 1;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[2 * middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    this.guess = low;
    return low - 1;
  }

  /** The longest gap between two neighbouring items below this node, in pages. */
  widestGap(): number {
    let widest = this.widestGapAmong(0, this.slots.length - 1);
    const gaps = this.gaps;
    for (let i = 0; i < gaps.length; i++) {
      const gap = gaps[i] as number;
      if (gap > widest) widest = gap;
    }
    return widest;
  }

  /** The longest gap between two neighbouring slots from `first` to `last`, both included. */
  widestGapAmong(first: number, last: number): number {
    const bounds = this.bounds;
    let widest = 0;
    for (let i = 2 * first + 1; i < 2 * last; i += 2) {
      const gap = (bounds[i + 1] as number) - (bounds[i] as number);
      if (gap > widest) widest = gap;
    }
    return widest;
  }

  /** Puts one item of a leaf in the place of another. */
  setItem(i: number, item: T): void {
    this.slots[i] = item;
    this.bounds[2 * i] = item.start;
    this.bounds[2 * i + 1] = item.end;
  }

  /** Puts one more item into a leaf, in slot `at`. */
  insertItem(at: number, item: T): void {
    moveSlots(this.slots, at, 1);
    moveNumbers(this.bounds, 2 * at, 2);
    this.setItem(at, item);
  }

  /** Puts `inserted` in the place of `removed` items of a leaf, from slot `at`. */
  spliceItems(at: number, removed: number, inserted: readonly T[]): void {
    const change = inserted.length - removed;
    if (change !== 0) {
      moveSlots(this.slots, at + removed, change);
      moveNumbers(this.bounds, 2 * (at + removed), 2 * change);
    }
    for (let k = 0; k < inserted.length; k++) this.setItem(at + k, inserted[k] as T);
  }

  /** Notes where the child in slot `i` now starts, ends and gapes; says whether it did otherwise before. */
  setChild(i: number, child: GapNode<T>): boolean {
    const start = child.start(0);
    const end = child.end(child.slots.length - 1);
    const gap = child.widestGap();
    this.slots[i] = child;
    if (this.start(i) === start && this.end(i) === end && this.gaps[i] === gap) return false;
    this.bounds[2 * i] = start;
    this.bounds[2 * i + 1] = end;
    this.gaps[i] = gap;
    return true;
  }

  insertChild(i: number, child: GapNode<T>): void {
    moveSlots(this.slots, i, 1);
    moveNumbers(this.bounds, 2 * i, 2);
    moveNumbers(this.gaps, i, 1);
    this.setChild(i, child);
  }

  /** Splits the child in slot `i`, which must be this tree's own, in halves. */
  splitChild(i: number, owner: Owner): void {
    const child = this.child(i);
    const half = child.slots.length >>> 1;
    const gaps = child.height === 0 ? NO_GAPS : child.gaps.splice(half);
    const upper = new GapNode<T>(
      owner,
      child.height,
      child.slots.splice(half),
      child.bounds.splice(2 * half),
      gaps,
    );
    this.setChild(i, child);
    this.insertChild(i + 1, upper);
  }

  /** Joins the child in slot `i`, this tree's own, with the one above it, and splits the two evenly if too many. */
  mergeChildren(i: number, owner: Owner): void {
    const child = this.child(i);
    const above = this.child(i + 1);
    for (const slot of above.slots) child.slots.push(slot);
    for (const bound of above.bounds) child.bounds.push(bound);
    for (const gap of above.gaps) child.gaps.push(gap);
    moveSlots(this.slots, i + 2, -1);
    moveNumbers(this.bounds, 2 * (i + 2), -2);
    moveNumbers(this.gaps, i + 2, -1);
    if (child.slots.length > MERGED_SLOTS) this.splitChild(i, owner);
    else this.setChild(i, child);
  }
}

/** Moves the slots from index `from` up or down by `by`; what they leave behind is for the caller to fill. */
function moveSlots<S>(slots: S[], from: number, by: number): void {
  const length = slots.length;
  if (by > 0) {
    // An array grows by pushing: a write past its end would leave it slow for good.
    for (let k = 0; k < by; k++) slots.push(slots[length - 1] as S);
    for (let k = length - 1; k >= from; k--) slots[k + by] = slots[k] as S;
  } else {
    for (let k = from; k < length; k++) slots[k + by] = slots[k] as S;
    // Popping is far quicker than setting the length.
    for (let k = by; k < 0; k++) slots.pop();
  }
}

/** The same for numbers: apart, because each kind of array then has its own compiled code. */
function moveNumbers(numbers: number[], from: number, by: number): void {
  const length = numbers.length;
  for (let k = 0; k < by; k++) numbers.push(0);
  if (by > 0) for (let k = length - 1; k >= from; k--) numbers[k + by] = numbers[k] as number;
  else for (let k = from; k < length; k++) numbers[k + by] = numbers[k] as number;
  for (let k = by; k < 0; k++) numbers.pop();
}
