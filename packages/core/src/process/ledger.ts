import type { MmId, Pid } from "../base/index.ts";

/** mm_users counts who uses the mappings, mm_count who refers to the descriptor. */
export type Counter = "users" | "count";

/**
 * Who holds a reference: a task its use of the mappings, all users together their one reference to the descriptor,
 * a CPU what it borrows, a kernel thread what it took with kthread_use_mm, a victim of the OOM killer its own until it is
 * gone, and whoever a request named.
 */
export type Holder =
  | { readonly kind: "task"; readonly pid: Pid }
  | { readonly kind: "mm users"; readonly mm: MmId }
  | { readonly kind: "cpu"; readonly cpu: number }
  | { readonly kind: "kthread"; readonly pid: Pid }
  | { readonly kind: "oom victim"; readonly pid: Pid }
  | { readonly kind: "named"; readonly name: string; readonly number: number };

/** One line of the ledger: a reference, its holder, and the event that made it. */
export interface Ref {
  readonly mm: MmId;
  readonly counter: Counter;
  readonly holder: Holder;
  /** The event since which it is held; 0 for one from boot. */
  readonly since: number;
}

/** Named holders come last, so that the ledger's highest key numbers the next. */
const KINDS: readonly Holder["kind"][] = ["task", "mm users", "cpu", "kthread", "oom victim", "named"];
const SPAN = 2 ** 40;

/** The first key of named holders. */
export const FIRST_NAMED = KINDS.indexOf("named") * SPAN;

/** The key of a holder's line: no holder has two. */
export function refKey(holder: Holder): number {
  const first = KINDS.indexOf(holder.kind) * SPAN;
  switch (holder.kind) {
    case "task":
    case "kthread":
    case "oom victim":
      return first + holder.pid;
    case "mm users":
      return first + holder.mm;
    case "cpu":
      return first + holder.cpu;
    case "named":
      return first + holder.number;
  }
}

/** A holder in words. */
export function holderText(holder: Holder): string {
  switch (holder.kind) {
    case "task":
      return `task ${holder.pid}`;
    case "mm users":
      return "all users together";
    case "cpu":
      return `CPU ${holder.cpu} borrows it`;
    case "kthread":
      return `kernel thread ${holder.pid} uses it`;
    case "oom victim":
      return `process ${holder.pid} was chosen by the OOM killer`;
    case "named":
      return holder.name;
  }
}
