import {
  alignDown,
  alignUp,
  type ElfImage,
  type ExecChoices,
  type ExecRequest,
  execve,
  getUnmappedArea,
  type KernelState,
  type Layout,
  MAP,
  type MmEdit,
  PAGE_SIZE,
  PERSONALITY,
  type Pid,
  programLayout,
  Transaction,
  traitsOf,
  X86_64,
} from "@pagetrail/core";
import type { ExecHints, Span } from "./exec-hints.ts";

/** Where exec put things, as the trace shows it or, where it does not, as it was estimated. */
export interface InferredLayout {
  readonly randomized: boolean;
  readonly choices: ExecChoices;
  readonly assumed: readonly string[];
}

/** What the model would lay out under some choices, as far as hints can contradict it. */
interface Laid {
  readonly startBrk: number;
  /** Where the first mapping that the kernel places itself would go; without one, the vdso. */
  readonly placed: number | undefined;
}

/** Where the kernel put what hints show of its own placements. */
const placedAt = ({ firstPlaced, image }: ExecHints): number | undefined => firstPlaced?.start ?? image?.vdso;

/** Tries an exec on a copy of the state and looks at what comes of it. */
function layOut(state: KernelState, tid: Pid, request: ExecRequest, hints: ExecHints): Laid | undefined {
  const tx = new Transaction(state);
  const task = tx.peekTask(tid);
  if (!task) return undefined;
  const end = execve(tx, task, request);
  if (!end.ok || end.value.killed) return undefined;
  const after = tx.peekTask(task.tgid);
  if (!after) return undefined;
  const edit = tx.edit(tx.mm(after.mm), after);
  const placed = hints.firstPlaced ? place(edit, hints.firstPlaced) : edit.mm.vdso * PAGE_SIZE;
  return { startBrk: edit.mm.brk, placed };
}

function place(edit: MmEdit, { length }: Span): number | undefined {
  const at = getUnmappedArea(edit, {
    pages: length / PAGE_SIZE,
    hint: 0,
    flags: MAP.PRIVATE | MAP.ANONYMOUS,
    pgoff: 0,
    file: undefined,
  });
  return at.ok ? at.value * PAGE_SIZE : undefined;
}

const FIXED_POINT_STEPS = 4;

/** A PIE may ask for an alignment, by which its base is rounded down; more than this is unheard of. */
const PMD_SIZE = 2 ** 21;

/**
 * Finds the layout under which the model agrees with the first calls of a new program.
 *
 * @param request the exec, its choices still open
 */
export function inferLayout(
  state: KernelState,
  tid: Pid,
  request: ExecRequest,
  hints: ExecHints,
): InferredLayout {
  const task = state.tasks.get(tid);
  const believed = (task?.personality ?? 0) & PERSONALITY.ADDR_NO_RANDOMIZE;
  const plain = { ...request, randomized: false, choices: {} };
  const laid = layOut(state, tid, plain, hints);
  if (!laid) return { randomized: believed === 0, choices: {}, assumed: ["layout"] };
  const brkFits = hints.startBrk === undefined || hints.startBrk === laid.startBrk;
  const placed = placedAt(hints);
  const placeFits = placed === undefined || placed === laid.placed;
  const silent = hints.startBrk === undefined && placed === undefined;
  if (silent && believed === 0) return { randomized: true, choices: {}, assumed: ["layout"] };
  if (brkFits && placeFits) return { randomized: false, choices: {}, assumed: [] };
  // One of the two alone may be off for another reason than randomisation.
  const both = hints.startBrk !== undefined && placed !== undefined;
  const randomized = both ? !brkFits && !placeFits : believed === 0;
  return randomized
    ? randomLayout(state, tid, request, hints)
    : shiftedLayout(state, tid, plain, hints, { brkFits, placeFits });
}

/** Not randomised, and yet not where the model expects it: a limit or a header that the trace does not show. */
function shiftedLayout(
  state: KernelState,
  tid: Pid,
  plain: ExecRequest,
  hints: ExecHints,
  fits: { readonly brkFits: boolean; readonly placeFits: boolean },
): InferredLayout {
  const brk = fits.brkFits || hints.startBrk === undefined ? {} : { startBrk: hints.startBrk };
  const base = fits.placeFits ? {} : mmapPages(state, tid, plain, hints);
  const assumed = [...(fits.brkFits ? [] : ["startBrk"]), ...(fits.placeFits ? [] : ["mmapBase"])];
  return { randomized: false, choices: { ...brk, ...base }, assumed };
}

function randomLayout(state: KernelState, tid: Pid, request: ExecRequest, hints: ExecHints): InferredLayout {
  const assumed: string[] = [];
  const { image } = request.program;
  const layout = programLayout(X86_64, image, state.tasks.get(tid)?.personality ?? 0) ?? X86_64;
  const seenBase = shownBase(image, hints) ?? programBase(image, hints, layout);
  const isPie = image.type === "DYN" && request.interpreter !== undefined;
  if (isPie && seenBase === undefined) assumed.push("programBase");
  const base = seenBase ?? (isPie ? baseBelowBrk(image, hints) : undefined);
  const shownTop = hints.image?.stackTop;
  const top = shownTop ?? guessStackTop(request, hints, layout);
  if (shownTop === undefined) assumed.push("stackTop");
  if (placedAt(hints) === undefined) assumed.push("mmapBase");
  const above = traitsOf(state.profile).vdsoPlace === "above the stack" && layout.bits === 64;
  if (above) assumed.push("vdso");
  const choices: ExecChoices = {
    stackTop: top,
    // Somewhere in the 2 MiB above the stack's pointers, mostly above the stack itself.
    ...(above ? { vdso: top } : {}),
    ...(base === undefined ? {} : { programBase: base }),
    ...(hints.startBrk === undefined ? {} : { startBrk: hints.startBrk }),
  };
  const open = { ...request, randomized: true, choices };
  return { randomized: true, choices: { ...choices, ...mmapPages(state, tid, open, hints) }, assumed };
}

/** The pages that move the first placement to where the trace has it. */
function mmapPages(
  state: KernelState,
  tid: Pid,
  request: ExecRequest,
  hints: ExecHints,
): { readonly mmapPages?: number } {
  const wanted = placedAt(hints);
  if (wanted === undefined) return {};
  const bottomUp = ((state.tasks.get(tid)?.personality ?? 0) & PERSONALITY.ADDR_COMPAT_LAYOUT) !== 0;
  let pages = 0;
  for (let step = 0; step < FIXED_POINT_STEPS; step++) {
    const trial = { ...request, choices: { ...request.choices, mmapPages: pages } };
    const at = layOut(state, tid, trial, hints)?.placed;
    if (at === undefined || at === wanted) break;
    const off = (at - wanted) / PAGE_SIZE;
    pages += bottomUp ? -off : off;
  }
  return { mmapPages: pages };
}

/** A PIE's base, where the recording shows its code. */
function shownBase(image: ElfImage, { image: shown }: ExecHints): number | undefined {
  const code = image.segments.find((s) => s.type === "LOAD" && s.flags.includes("x"));
  if (!shown?.code || !code || image.type !== "DYN" || !shown.interpreter) return undefined;
  if (alignDown(Number(code.offset), PAGE_SIZE) !== shown.code.offset) return undefined;
  return shown.code.start - alignDown(code.vaddr, PAGE_SIZE);
}

/** A PIE's base, from the protection of its RELRO: the first range of that size that no mmap returned. */
function programBase(image: ElfImage, hints: ExecHints, layout: Layout): number | undefined {
  const relro = image.segments.find((s) => s.type === "GNU_RELRO");
  if (!relro) return undefined;
  const start = alignDown(relro.vaddr, PAGE_SIZE);
  const length = alignDown(relro.vaddr + relro.memsz, PAGE_SIZE) - start;
  const bases = hints.relros
    .filter((r) => alignUp(r.length, PAGE_SIZE) === length)
    .map((r) => r.start - start);
  return bases.find((base) => isProgramBase(base, layout));
}

/** Whether randomisation can have put a PIE there. */
function isProgramBase(base: number, { elfEtDynBase, random }: Layout): boolean {
  return base >= elfEtDynBase - PMD_SIZE && base < elfEtDynBase + random.programPages * PAGE_SIZE;
}

/** Without a RELRO a PIE lies somewhere below its heap, which is at most 1 GiB and a page above its end. */
function baseBelowBrk(image: ElfImage, hints: ExecHints): number | undefined {
  if (hints.startBrk === undefined) return undefined;
  const end = Math.max(...image.segments.filter((s) => s.type === "LOAD").map((s) => s.vaddr + s.memsz));
  return alignDown(hints.startBrk - end, PAGE_SIZE) - PAGE_SIZE;
}

/** Bytes between the strings on a stack and the frames whose addresses programs pass: the usual distance. */
const USUAL_DEPTH = 0x13f0;

/**
 * A stack's top under randomisation. The trace shows at best pointers into frames below it, so that this
 * is an estimate: their page and the usual distance.
 */
function guessStackTop(request: ExecRequest, hints: ExecHints, layout: Layout): number {
  const { sizes } = request;
  const strings = sizes.argBytes + sizes.envBytes + sizes.nameBytes + 8;
  const { stackTop, random } = layout;
  if (hints.highestPointer === undefined) return stackTop - (random.stackPages / 2) * PAGE_SIZE;
  return Math.min(alignUp(hints.highestPointer + strings + USUAL_DEPTH, PAGE_SIZE), stackTop);
}
