import type { ShownFile, StraceCall } from "../strace/text/index.ts";
import type { Outbox, Pending } from "./outbox.ts";
import type { FileSpan, TaskText } from "./task-text.ts";

/** Calls after which no mapping record is expected any more that would tell an earlier mapping's file. */
const MAX_AGE = 64;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_BITS = [0x10, 0x100000];

const has = (flags: number, bit: number): boolean => Math.floor(flags / bit) % 2 === 1;

interface FileMapping extends FileSpan {
  readonly fixed: boolean;
}

/** The mapping of a file that a finished call made; undefined for anything else. */
export function fileMapping({ name, args, result }: StraceCall): FileMapping | undefined {
  if ((name !== "mmap" && name !== "mmap2") || result.kind !== "value" || result.value === undefined)
    return undefined;
  const [length, flags, fd] = [Number(args[1]), Number(args[3]), Number(args[4])];
  if (!Number.isSafeInteger(length) || has(flags, MAP_ANONYMOUS) || !(fd >= 0)) return undefined;
  const fixed = MAP_FIXED_BITS.some((bit) => has(flags, bit));
  return { fd, start: result.value, end: result.value + length, fixed };
}

const holds = (span: FileSpan, part: FileSpan): boolean =>
  span.fd === part.fd && part.start >= span.start && part.start < span.end;

/**
 * Adds a finished call to the records, with the file that it mapped if that can be found.
 *
 * perf records mappings of code only, unless asked for data too (-d). But a loader maps a file as a whole, and
 * then its code into that place: so the two are of one file, and the first waits for the second.
 */
export function addNamed(outbox: Outbox, task: TaskText, call: StraceCall): void {
  grow(task);
  const mapping = fileMapping(call);
  if (!mapping) {
    outbox.add(call);
    return;
  }
  if (!mapping.fixed) settle(task);
  const whole = task.unnamed.find(({ span }) => holds(span, mapping))?.span ?? mapping;
  if (call.mapped) {
    for (const { pending, span } of task.unnamed) if (holds(whole, span)) name(pending, call.mapped);
    settle(task);
    task.named = { span: whole, file: call.mapped };
    outbox.add(call);
  } else if (mapping.fixed && task.named && holds(task.named.span, mapping))
    outbox.add({ ...call, mapped: task.named.file });
  else task.unnamed.push({ pending: outbox.add(call, false), span: whole, age: 0 });
}

function name(pending: Pending, mapped: ShownFile): void {
  if (pending.record.kind === "call") pending.record = { ...pending.record, mapped };
}

function grow(task: TaskText): void {
  for (const one of task.unnamed) one.age += 1;
  if (task.unnamed.some(({ age }) => age > MAX_AGE)) settle(task);
}

/** Nothing more will become known of the files that the task has mapped. */
export function settle(task: TaskText): void {
  for (const { pending } of task.unnamed) pending.settled = true;
  task.unnamed = [];
}
