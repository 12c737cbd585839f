import {
  alignDown,
  alignUp,
  type ExecRequest,
  execve,
  type KernelState,
  type Layout,
  PAGE_SIZE,
  type Pid,
  pageOf,
  Transaction,
} from "@pagetrail/core";
import type { ExecHints } from "./exec-hints.ts";

/** Pages that exec adds below the strings: setup_arg_pages. */
const STACK_EXPAND = 32;
/** Pointers and auxiliary vector begin, from above, at multiples of this. */
const STACK_ALIGN = 16;
/** By how much the kernel lowers them at random, at most; and the pages by which an estimate may be off. */
const MAX_SHIFT = 8192;
const SLACK = 2 * PAGE_SIZE;
/** Memory below the strings in which nothing but they can be; bytes. */
const REACH = 2 ** 22;

/** What a trial of an exec made of the stack; bytes. */
interface LaidStack {
  readonly layout: Layout;
  readonly argStart: number;
  readonly startStack: number;
}

/**
 * An exec whose stack has the pages that the recording shows: strings on as many as were mapped for them, and
 * pointers where the kernel had a fault when it wrote them. What exec was told in numbers of bytes gives way only
 * where it was estimated.
 *
 * @param estimated the bytes of arguments and environment
 */
export function inferStack(
  state: KernelState,
  tid: Pid,
  load: ExecRequest,
  hints: ExecHints,
  estimated: boolean,
): ExecRequest {
  if (hints.touches.length === 0) return load;
  const top = hints.image?.stackTop ?? load.choices.stackTop;
  const strings = (hints.image?.stackPages ?? 0) - STACK_EXPAND;
  const fitted =
    estimated && top !== undefined && strings > 0 ? withStrings(state, tid, load, strings) : load;
  const laid = layStack(state, tid, fitted);
  if (!laid) return fitted;
  const floor = pageOf(laid.argStart) * PAGE_SIZE;
  const own = hints.touches.filter((at) => at >= floor - REACH && at < floor);
  const [first] = own;
  if (first === undefined) return estimated ? withoutOverflow(fitted, laid, floor) : fitted;
  return withPointers(fitted, laid, first, Math.min(...own), estimated);
}

/** Tries an exec on a copy of the state. */
function layStack(state: KernelState, tid: Pid, load: ExecRequest): LaidStack | undefined {
  const tx = new Transaction(state);
  const task = tx.peekTask(tid);
  if (!task || !execve(tx, task, load).ok) return undefined;
  const after = tx.peekTask(task.tgid);
  return after && after.mm !== 0 ? tx.mm(after.mm) : undefined;
}

/** The environment is as long as the pages of the strings ask for. */
function withStrings(state: KernelState, tid: Pid, load: ExecRequest, pages: number): ExecRequest {
  const laid = layStack(state, tid, load);
  if (!laid) return load;
  const { sizes, choices } = load;
  const top = choices.stackTop ?? laid.layout.stackTop;
  const lowest = top - pages * PAGE_SIZE;
  const high = lowest + PAGE_SIZE - STACK_ALIGN;
  const off = laid.argStart > high ? laid.argStart - high : Math.min(0, laid.argStart - lowest);
  return { ...load, sizes: { ...sizes, envBytes: Math.max(0, sizes.envBytes + off) } };
}

/** Nothing was written below the strings' last page: an estimate that says otherwise was too long. */
function withoutOverflow(load: ExecRequest, { startStack }: LaidStack, floor: number): ExecRequest {
  const { sizes } = load;
  const excess = Math.max(0, alignUp(floor - startStack, STACK_ALIGN));
  return { ...load, sizes: { ...sizes, envBytes: Math.max(0, sizes.envBytes - excess) } };
}

/**
 * The first fault below the strings tells where pointers and auxiliary vector are: it is at the platform's name,
 * which is written first, or where that lies among the strings still, at the count of the arguments.
 */
function withPointers(
  load: ExecRequest,
  { layout, argStart, startStack }: LaidStack,
  first: number,
  lowest: number,
  estimated: boolean,
): ExecRequest {
  const named = first + layout.platform.length + 1;
  if (named % STACK_ALIGN !== 0) {
    if (first % STACK_ALIGN !== 0) return load;
    return shifted(load, startStack - first);
  }
  const shift = argStart - named;
  const alone = shifted(load, shift);
  // A second page below tells the first stack pointer, and so how many pointers there are.
  if (!estimated || pageOf(lowest) === pageOf(first) || lowest % STACK_ALIGN !== 0) return alone;
  const lowered = alignDown(argStart, STACK_ALIGN) - named;
  const more = Math.floor((startStack - lowered - lowest) / layout.wordSize);
  const { sizes } = alone;
  return { ...alone, sizes: { ...sizes, envc: Math.max(0, sizes.envc + more) } };
}

const shifted = (load: ExecRequest, stackShift: number): ExecRequest =>
  stackShift < 0 || stackShift > MAX_SHIFT + SLACK
    ? load
    : { ...load, choices: { ...load.choices, stackShift } };
