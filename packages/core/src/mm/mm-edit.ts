import { IA32, taskSizeOf } from "../arch/index.ts";
import {
  addressOf,
  assert,
  type Journal,
  type MmId,
  NO_FILE,
  PAGE_SIZE,
  pageOf,
  type Step,
  type Vpn,
} from "../base/index.ts";
import type { MmEnv } from "./mm-env.ts";
import type { MmDraft, MmScalar, MmStruct } from "./mm-struct.ts";
import { VM } from "./vm-flags.ts";
import { sameVma, statOf, type Vma } from "./vma.ts";

/** Neighbouring VMAs were put in the place of others. Its inverse swaps the two sides. */
export interface VmaStep extends Step {
  readonly kind: "vma";
  readonly mm: MmId;
  readonly before: readonly Vma[];
  readonly after: readonly Vma[];
}

/** One field of an mm changed. */
export interface MmStep extends Step {
  readonly kind: "mm";
  readonly mm: MmId;
  readonly field: MmScalar;
}

/**
 * A checked-out address space with what its operations need. Its methods are the primitives: they never
 * refuse, keep every total equal to the sum it abbreviates, and leave a step.
 */
export class MmEdit {
  /** TASK_SIZE for this call, in bytes. */
  readonly taskSize: number;

  constructor(
    readonly mm: MmDraft,
    readonly env: MmEnv,
    private readonly journal: Journal | undefined,
  ) {
    this.taskSize = taskSizeOf(mm.layout, env.personality);
  }

  /** TASK_SIZE in pages. */
  get taskPages(): number {
    return this.taskSize / PAGE_SIZE;
  }

  /** Puts `after` where `before` was; both sorted, and `before` as it stands in the tree. */
  replaceVmas(before: readonly Vma[], after: readonly Vma[]): void {
    let files = false;
    for (const v of before) {
      this.account(v, -1);
      if (v.file !== NO_FILE) files = true;
    }
    for (const v of after) {
      this.admit(v);
      if (v.file !== NO_FILE) files = true;
    }
    if (files) this.countFiles(before, after);
    this.mm.vmas.splice(before, after);
    if (this.journal) this.noteStep(this.journal, before, after);
  }

  /** Puts one VMA in the place of another. This and the next spare the commonest of edits their lists. */
  replaceVma(before: Vma, after: Vma): void {
    this.account(before, -1);
    this.admit(after);
    if (before.file !== after.file) this.countFiles([before], [after]);
    this.mm.vmas.replaceItem(before, after);
    if (this.journal) this.noteStep(this.journal, [before], [after]);
  }

  /** Puts a VMA where nothing is. */
  addVma(vma: Vma): void {
    this.admit(vma);
    if (vma.file !== NO_FILE) this.env.fileMapped(vma.file, 1);
    this.mm.vmas.insert(vma);
    if (this.journal) this.noteStep(this.journal, [], [vma]);
  }

  set<F extends MmScalar>(field: F, value: MmStruct[F]): void {
    setField(this.mm, field, value, this.journal);
  }

  /** Peaks are taken just before a range goes: update_hiwater_vm. */
  noteHighWater(): void {
    if (this.mm.totalVm > this.mm.hiwaterVm) this.set("hiwaterVm", this.mm.totalVm);
  }

  /** find_vma: the first VMA that ends above `page`. */
  findVma(page: number): Vma | undefined {
    return this.mm.vmas.findFrom(page);
  }

  /** vma_lookup: the VMA that contains `page`. */
  lookup(page: number): Vma | undefined {
    return this.mm.vmas.find(page);
  }

  previous(v: { readonly start: Vpn }): Vma | undefined {
    return this.mm.vmas.findBefore(v.start);
  }

  get mapCount(): number {
    return this.mm.vmas.size;
  }

  private noteStep(journal: Journal, before: readonly Vma[], after: readonly Vma[]): void {
    const step: VmaStep = { kind: "vma", mm: this.mm.id, before, after };
    journal.note(step);
  }

  private admit(v: Vma): void {
    this.account(v, 1);
    if (isUntouched(v)) this.noteUntouched(v);
  }

  private noteUntouched(v: Vma): void {
    const { untouched } = this.mm;
    if (untouched[0] === UNTOUCHED_ANYWHERE) return;
    const many = untouched.length >= UNTOUCHED_LIMIT;
    this.set("untouched", many ? [UNTOUCHED_ANYWHERE] : [...untouched, v.start]);
  }

  /** Keeps what each file has mapped; mostly all the VMAs are of one file. */
  private countFiles(before: readonly Vma[], after: readonly Vma[]): void {
    const file = (before[0] ?? after[0])?.file ?? NO_FILE;
    if (allOf(before, file) && allOf(after, file)) {
      if (before.length !== after.length) this.env.fileMapped(file, after.length - before.length);
      return;
    }
    for (const v of after) if (v.file !== NO_FILE) this.env.fileMapped(v.file, 1);
    for (const v of before) if (v.file !== NO_FILE) this.env.fileMapped(v.file, -1);
  }

  private account(v: Vma, sign: 1 | -1): void {
    const { mm } = this;
    const n = sign * v.pages;
    mm.totalVm += n;
    if ((v.flags & VM.LOCKED) !== 0) mm.lockedVm += n;
    switch (statOf(v.flags)) {
      case "exec":
        mm.execVm += n;
        break;
      case "stack":
        mm.stackVm += n;
        break;
      case "data":
        mm.dataVm += n;
        break;
      case "none":
        break;
    }
  }
}

function allOf(vmas: readonly Vma[], file: number): boolean {
  for (const v of vmas) if (v.file !== file) return false;
  return true;
}

/** In `untouched`: some VMAs anywhere. No page has this number. */
export const UNTOUCHED_ANYWHERE = -1;
const UNTOUCHED_LIMIT = 128;

/** Private writable memory without an anon_vma: no write fault has happened in it. */
export const isUntouched = (v: Vma): boolean =>
  v.anonVma === 0 && (v.flags & (VM.WRITE | VM.SHARED)) === VM.WRITE;

/** Sets a field of a checked-out address space, and tells the journal. */
export function setField<F extends MmScalar>(
  mm: MmDraft,
  field: F,
  value: MmStruct[F],
  journal: Journal | undefined,
): void {
  const before = mm[field];
  if (before === value) return;
  (mm as Record<F, MmStruct[F]>)[field] = value;
  if (journal === undefined) return;
  const step: MmStep = { kind: "mm", mm: mm.id, field, before, after: value };
  journal.note(step);
}

/** The most pages that the task's user space may ever have. */
export const taskPages = ({ layout }: MmStruct): number =>
  (layout.compat ? IA32.taskSize : layout.taskSize) / PAGE_SIZE;

/** Pages of the break's VMA range as brk rounds it up. */
export const brkPage = (bytes: number): Vpn => pageOf(bytes + addressOf(1) - 1);

/** Only those that count how files are mapped ask for an environment; here nobody counts. */
const UNCOUNTED = { fileMapped: () => undefined } as Partial<MmEnv> as MmEnv;

/** Does a step over again on a checked-out address space, by the same primitives. */
export function redoStep(mm: MmDraft, step: VmaStep | MmStep): void {
  assert(step.mm === mm.id, "a step belongs to its own mm");
  const edit = new MmEdit(mm, UNCOUNTED, undefined);
  if (step.kind === "vma") {
    // Which memory is untouched has steps of its own.
    const { untouched } = mm;
    edit.replaceVmas(
      step.before.map((vma) => standing(mm, vma)),
      step.after,
    );
    edit.set("untouched", untouched);
  } else edit.set(step.field, step.after as never);
}

/** The VMA as it stands in the tree, where it is another object that says the same. */
function standing(mm: MmDraft, vma: Vma): Vma {
  const found = mm.vmas.find(vma.start);
  assert(found && sameVma(found, vma), `mm ${mm.id} has the VMA at page ${vma.start} that a step replaces`);
  return found;
}
