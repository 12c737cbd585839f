import { IA32, IA32_3GB, type Layout, legacyBase, mmapBase, PERSONALITY, X86_64 } from "../arch/index.ts";
import {
  alignDown,
  alignUp,
  done,
  ok,
  PAGE_SIZE,
  pageOf,
  type Refusal,
  type Result,
  refuse,
} from "../base/index.ts";
import { access } from "../fault/index.ts";
import {
  emptyMm,
  findOrExpand,
  inheritedFlags,
  MAP,
  type MmEdit,
  type MmStruct,
  mapVdso,
  mmap,
  mseal,
  type OpenFile,
  PROT,
  VM,
} from "../mm/index.ts";
import { checkArgLimits, withFirstArgument } from "./arg-limits.ts";
import { type AuxEntry, auxiliaryVector } from "./auxv.ts";
import type { ElfImage } from "./elf-image.ts";
import { type LoadedImage, loadInterpreter, loadProgram, maximumAlignment } from "./elf-load.ts";
import { advanceExec, execLife } from "./exec-life.ts";
import { exitTask, releaseVforkParent } from "./exit.ts";
import { mmdropLazyTlb, mmput, publishMm, renameUser } from "./mm-refs.ts";
import { finishTaskSwitch, loadMm } from "./sched.ts";
import { type ArgSizes, type ElfTables, elfTables, placeStrings, setupArgPages } from "./setup-arg-pages.ts";
import { isLive, NO_MM, type Task } from "./task.ts";
import type { World } from "./world.ts";

/** An ELF file as exec opens it. */
export interface ProgramFile {
  readonly file: Omit<OpenFile, "id" | "kind" | "readable" | "writable" | "deleted">;
  readonly image: ElfImage;
}

/** What the kernel draws at random, in bytes; absent where it drew nothing. */
export interface ExecChoices {
  /** Pages that mmap_base lies lower. */
  readonly mmapPages?: number;
  /** The same of the base for calls through the other entry. */
  readonly compatPages?: number;
  readonly stackTop?: number;
  /** By how much pointers and auxiliary vector lie lower than they would below the strings: arch_align_stack. */
  readonly stackShift?: number;
  readonly programBase?: number;
  readonly startBrk?: number;
  /** Where vvar and vdso were asked to begin, in releases that ask for a place above the stack. */
  readonly vdso?: number;
}

export interface ExecRequest {
  readonly program: ProgramFile;
  readonly interpreter?: ProgramFile;
  readonly comm: string;
  readonly sizes: ArgSizes;
  /** The caller's own arguments, where the interpreter of a script has put others in their place. */
  readonly argcAsked?: number;
  readonly randomized: boolean;
  readonly choices: ExecChoices;
}

/** An exec that fails for what its files are: opening the first of them, or once the arguments were copied. */
export interface RefusedExec extends Refusal {
  readonly at: "open" | "format";
  /** What the caller passed. */
  readonly sizes: ArgSizes;
}

/** A program at its first instruction. */
export interface ProgramStart {
  readonly entry: number;
  readonly stackPointer: number;
  readonly auxv: readonly AuxEntry[];
}

/** How an exec ended: a refusal before the point of no return, death after it, or a program that begins. */
export type ExecEnd = Result<
  { readonly killed: string } | { readonly killed?: never; readonly start: ProgramStart }
>;

/**
 * Replaces the task's address space by a program's.
 *
 * @refuses E2BIG, ENOEXEC, ELIBBAD before the point of no return, with nothing changed
 * @kernel bprm_execve, begin_new_exec, fs/exec.c; load_elf_binary, fs/binfmt_elf.c (6.18)
 */
export function execve(world: World, caller: Task, request: ExecRequest): ExecEnd {
  world.trace?.enter("do_execveat_common");
  const sizes = checkSizes(world, caller, request.sizes, request.argcAsked);
  if (!sizes.ok) return sizes;
  world.trace?.check("the arguments fit");
  const layout = layoutFor(world, caller, request);
  if (!layout.ok) return layout;

  world.trace?.enter("begin_new_exec");
  world.trace?.choose("from here on there is no way back: the old address space goes");
  const state = advanceExec(execLife.initial, "pointOfNoReturn");
  const task = deThread(world, caller);
  const inherited = task.mm === NO_MM ? {} : inheritedFlags(world.mm(task.mm));
  const mm = { ...emptyMm(world.newMmId(), layout.value), ...inherited };
  const personality = personalityOf(task.personality, layout.value, request.program.image);
  execMmap(world, task, mm, { personality, comm: request.comm });
  const edit = world.edit(world.mm(mm.id), world.task(task.pid));
  world.trace?.enter("load_elf_binary");
  const loaded = loadElfBinary(world, edit, { ...request, sizes: withFirstArgument(request.sizes) });
  advanceExec(state, loaded.ok ? "start" : "fail");
  if (!loaded.ok) world.trace?.choose(`the task dies: ${loaded.error.why}`);
  return ok(loaded.ok ? { start: loaded.value } : { killed: loaded.error.why });
}

/**
 * What an exec is refused with that its files refuse: arguments are copied once the first file is open, and
 * before anything is read of it.
 *
 * @kernel do_execveat_common, fs/exec.c (6.18)
 */
export function refusedExec(world: World, caller: Task, { at, sizes, errno, why }: RefusedExec): Refusal {
  const checked = at === "open" ? done : checkSizes(world, caller, sizes);
  return checked.ok ? { errno, why } : checked.error;
}

/**
 * A task runs a program of which nothing is known but its name: its address space is new, and `mm` says what is
 * known of that.
 */
export function execUnknown(world: World, caller: Task, mm: MmStruct, comm: string): void {
  const task = deThread(world, caller);
  execMmap(world, task, mm, { personality: task.personality, comm });
}

/**
 * The layout that a program gets from a kernel of layout `kernel`; undefined for a program of a machine that
 * this kernel does not run.
 *
 * @kernel elf_check_arch, compat_elf_check_arch, arch/x86/include/asm/elf.h (6.18)
 */
export function programLayout(
  kernel: Layout,
  { machine, class: bits }: Pick<ElfImage, "machine" | "class">,
  personality: number,
): Layout | undefined {
  if (machine !== (bits === 64 ? "x86-64" : "i386")) return undefined;
  if (bits === kernel.bits) return kernel;
  if (kernel.bits === 32) return undefined;
  return (personality & PERSONALITY.ADDR_LIMIT_3GB) !== 0 ? IA32_3GB : IA32;
}

function layoutFor(world: World, { personality }: Task, request: ExecRequest): Result<Layout> {
  const { program, interpreter } = request;
  const { type } = program.image;
  if (type !== "EXEC" && type !== "DYN") return refuse("ENOEXEC", `ELF type ${type} is no program`);
  const layout = programLayout(world.layout, program.image, personality);
  if (!layout) return refuse("ENOEXEC", `a ${world.layout.bits}-bit x86 kernel does not run this program`);
  if (interpreter && interpreter.image.machine !== program.image.machine)
    return refuse("ELIBBAD", "the interpreter is for another machine");
  return ok(layout);
}

function checkSizes(world: World, { tgid }: Task, sizes: ArgSizes, argc?: number): Result<void> {
  const group = world.peekGroup(tgid);
  return group ? checkArgLimits(group.limits, withFirstArgument(sizes), argc) : done;
}

/** de_thread: the other threads die and the caller takes the leader's place. */
function deThread(world: World, caller: Task): Task {
  for (const t of world.threads(caller.tgid)) {
    if (t.pid === caller.pid) continue;
    if (isLive(t)) exitTask(world, t.pid);
    const left = world.peekTask(t.pid);
    if (left && left.onCpu === undefined) world.removeTask(t.pid);
  }
  return caller.pid === caller.tgid ? caller : takeLeadership(world, caller);
}

/** The caller and the old leader exchange their pids; a leader that still runs leaves its CPU under its new one. */
function takeLeadership(world: World, caller: Task): Task {
  const old = world.peekTask(caller.tgid);
  const leader = { ...world.task(caller.pid), pid: caller.tgid, parent: caller.parent };
  world.removeTask(caller.pid);
  if (old) {
    world.removeTask(old.pid);
    world.addTask({ ...old, pid: caller.pid, state: "dead" });
    if (old.onCpu !== undefined) world.cpu(old.onCpu).current = caller.pid;
  }
  world.addTask(leader);
  if (leader.onCpu !== undefined) world.cpu(leader.onCpu).current = leader.pid;
  renameUser(world, caller.pid, leader.pid);
  return leader;
}

/** exec_mmap: the new address space takes the place of the old one, or of one that was borrowed. */
function execMmap(
  world: World,
  caller: Task,
  mm: MmStruct,
  { personality, comm }: { readonly personality: number; readonly comm: string },
): void {
  const task = world.task(caller.pid);
  const { mm: old, activeMm: borrowed, onCpu } = task;
  if (onCpu !== undefined) finishTaskSwitch(world, onCpu);
  task.personality = personality;
  releaseVforkParent(world, task);
  task.comm = comm;
  task.kind = undefined;
  task.mm = mm.id;
  task.activeMm = mm.id;
  if (onCpu !== undefined) loadMm(world, onCpu, mm.id);
  if (old !== NO_MM) mmput(world, old, { kind: "task", pid: task.pid });
  else if (onCpu !== undefined) mmdropLazyTlb(world, borrowed, onCpu);
  world.addMm(mm);
  publishMm(world, mm.id, task.pid);
}

/** set_personality_64bit and elf_read_implies_exec, arch/x86: what the program's kind makes of the caller's. */
function personalityOf(personality: number, layout: Layout, image: ElfImage): number {
  const { READ_IMPLIES_EXEC } = PERSONALITY;
  if (layout.bits === 64) return personality & ~READ_IMPLIES_EXEC;
  const implied = layout.impliesExec && stackFlags(image) === undefined;
  return implied ? personality | READ_IMPLIES_EXEC : personality;
}

function loadElfBinary(world: World, edit: MmEdit, request: ExecRequest): Result<ProgramStart> {
  const { program, interpreter, choices, sizes } = request;
  pickMmapLayout(edit, request);
  const top = choices.stackTop ?? edit.mm.layout.stackTop;
  placeStrings(edit, top, sizes);
  const stack = setupArgPages(edit, top, stackIsExecutable(edit, program.image));
  if (!stack.ok) return stack;

  const base = loadBase(edit, request);
  const image = whileOpen(world, edit, program, (file) => loadProgram(edit, file, program.image, base));
  if (!image.ok) return image;
  const { startCode, endCode, startData, endData, bias } = image.value;
  setFields(edit, { startCode, endCode, startData, endData });
  const loader = loadLoader(world, edit, interpreter, bias !== 0);
  if (!loader.ok) return loader;
  const entry = entryPoint(edit, interpreter ?? program, loader.value ?? image.value);
  if (!entry.ok) return entry;
  const vdso = mapVdso(edit, world.vdso, vdsoHint(edit, choices));
  if (!vdso.ok) return vdso;
  const tables = elfTables(edit, sizes, choices.stackShift);
  edit.set("startStack", tables.stackPointer);
  const grown = findOrExpand(edit, pageOf(tables.stackPointer));
  if (!grown.ok) return grown;
  const written = writeStack(edit, top, tables);
  if (!written.ok) return written;
  const loaded = { image: program.image, program: image.value, interpreter: loader.value };
  const auxv = auxiliaryVector(edit, loaded, tables);
  setUpBrk(edit, request, image.value);
  if ((edit.env.personality & PERSONALITY.MMAP_PAGE_ZERO) !== 0) mapPageZero(edit);
  return ok({ entry: entry.value, stackPointer: tables.stackPointer, auxv });
}

function loadLoader(
  world: World,
  edit: MmEdit,
  interpreter: ProgramFile | undefined,
  biased: boolean,
): Result<LoadedImage | undefined> {
  if (!interpreter) return done;
  return whileOpen(world, edit, interpreter, (file) =>
    loadInterpreter(edit, file, interpreter.image, biased),
  );
}

/** The first instruction: it may lie anywhere in user space, mapped or not. */
function entryPoint(edit: MmEdit, { image }: ProgramFile, { bias }: LoadedImage): Result<number> {
  const at = BigInt.asUintN(64, BigInt(image.entry) + BigInt(bias));
  return at < BigInt(edit.mm.layout.taskSize)
    ? ok(Number(at))
    : refuse("EINVAL", "the entry point lies beyond user space");
}

/** A loader run directly, or a static PIE, keeps its heap away from the mapping area. */
function setUpBrk(
  edit: MmEdit,
  { program, interpreter, randomized, choices }: ExecRequest,
  image: LoadedImage,
): void {
  const standsAlone = program.image.type === "DYN" && !interpreter;
  const { traits, sysctl } = edit.env;
  const moved =
    standsAlone && (traits.staticPieHeap === "moved" || (randomized && sysctl.randomizeVaSpace === 2));
  const end = alignUp(moved ? edit.mm.layout.elfEtDynBase : image.end, PAGE_SIZE);
  const startBrk = choices.startBrk ?? end;
  setFields(edit, { startBrk, brk: startBrk });
}

/**
 * The strings were written before the program was mapped, pointers and auxiliary vector come last: where a
 * segment has taken the place of the stack, they find something else there.
 */
function writeStack(edit: MmEdit, top: number, { platform }: ElfTables): Result<void> {
  const { argStart, startStack } = edit.mm;
  const refused = refuse("EFAULT", "a segment has taken the stack's place");
  if (edit.env.memory) {
    access(edit, argStart, top - argStart, "write");
    return access(edit, startStack, platform + 1 - startStack, "write") ? refused : done;
  }
  for (let page: number = pageOf(startStack); page * PAGE_SIZE < argStart; page++)
    if (((edit.lookup(page)?.flags ?? 0) & VM.WRITE) === 0) return refused;
  return done;
}

/** arch_pick_mmap_layout, arch/x86/mm/mmap.c (6.18): bases for both entries of the kernel. */
function pickMmapLayout(edit: MmEdit, { randomized, choices }: ExecRequest): void {
  const { layout } = edit.mm;
  const { personality, sysctl, limits } = edit.env;
  const bottomUp = (personality & PERSONALITY.ADDR_COMPAT_LAYOUT) !== 0 || sysctl.legacyVaLayout;
  edit.set("bottomUp", bottomUp);
  const basesOf = (of: Layout, pages: number) => {
    const legacy = legacyBase(of, pages);
    return { legacy, base: bottomUp ? legacy : mmapBase(of, limits.stack.soft, { on: randomized, pages }) };
  };
  const own = basesOf(layout, choices.mmapPages ?? 0);
  edit.set("mmapLegacyBase", own.legacy);
  edit.set("mmapBase", own.base);
  const other = otherLayout(layout, personality);
  if (!other) return;
  const compat = basesOf(other, choices.compatPages ?? 0);
  edit.set("mmapCompatLegacyBase", compat.legacy);
  edit.set("mmapCompatBase", compat.base);
}

/** The layout of calls through the entry that is not the program's own; a 32-bit kernel has one entry. */
function otherLayout(layout: Layout, personality: number): Layout | undefined {
  if (layout.compat) return X86_64;
  if (layout.bits === 32) return undefined;
  return (personality & PERSONALITY.ADDR_LIMIT_3GB) !== 0 ? IA32_3GB : IA32;
}

/**
 * The page at which vvar and vdso should begin, 0 where nothing is asked for. A hint above the stack that was
 * not recorded is taken for one inside it, which is of no effect: so it always is without randomisation.
 *
 * @kernel vdso_addr, arch/x86/entry/vdso/vma.c (6.1)
 */
function vdsoHint(edit: MmEdit, { vdso }: ExecChoices): number {
  if (edit.env.traits.vdsoPlace === "search" || edit.mm.layout.bits === 32) return 0;
  return pageOf(vdso ?? alignUp(edit.mm.argStart, PAGE_SIZE));
}

/** The flags of the last PT_GNU_STACK; undefined without one. */
const stackFlags = (image: ElfImage): string | undefined =>
  image.segments.filter((s) => s.type === "GNU_STACK").at(-1)?.flags;

/** PT_GNU_STACK decides; without it the stack is like other data. */
function stackIsExecutable(edit: MmEdit, image: ElfImage): boolean {
  const flags = stackFlags(image);
  if (flags !== undefined) return flags.includes("x");
  return (edit.env.personality & PERSONALITY.READ_IMPLIES_EXEC) !== 0;
}

/** Where the first segment of a program that is linked at 0 goes; undefined leaves it to the search. */
function loadBase(edit: MmEdit, { program, interpreter, choices }: ExecRequest): number | undefined {
  if (program.image.type !== "DYN" || !interpreter) return undefined;
  const base = choices.programBase ?? edit.mm.layout.elfEtDynBase;
  const alignment = maximumAlignment(edit, program.image);
  return alignment > 0 ? alignDown(base, alignment) : base;
}

/** Opens a file for as long as its segments are mapped, some of which may go again; what stays keeps it. */
function whileOpen<T>(
  world: World,
  edit: MmEdit,
  program: ProgramFile,
  load: (file: OpenFile) => Result<T>,
): Result<T> {
  const open = { kind: "disk", readable: true, writable: false, deleted: false } as const;
  const file = world.makeFile({ ...program.file, ...open });
  edit.env.fileMapped(file.id, 1);
  const loaded = load(file);
  edit.env.fileMapped(file.id, -1);
  return loaded;
}

function setFields(
  edit: MmEdit,
  fields: Partial<Record<"startCode" | "endCode" | "startData" | "endData" | "startBrk" | "brk", number>>,
): void {
  for (const [name, value] of Object.entries(fields)) edit.set(name as keyof typeof fields, value);
}

/** The MMAP_PAGE_ZERO personality: one page at address 0, as SVr4 programs expect, sealed where that exists. */
function mapPageZero(edit: MmEdit): void {
  const flags = MAP.FIXED | MAP.PRIVATE | MAP.ANONYMOUS;
  const mapped = mmap(edit, { address: 0, length: PAGE_SIZE, prot: PROT.READ | PROT.EXEC, flags, offset: 0 });
  // Releases without mseal refuse this, and leave the page unsealed.
  if (mapped.ok) mseal(edit, 0, PAGE_SIZE, 0);
}
