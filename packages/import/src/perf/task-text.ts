import type { Touch } from "../sightings.ts";
import type { ShownFile, ShownImage } from "../strace/text/index.ts";
import type { OpenCall } from "./calls.ts";
import type { Pending } from "./outbox.ts";
import type { PerfMapping } from "./text/index.ts";

/** A program that is being put into place: from the task's new name to the return of exec. */
export interface OpenExec {
  readonly line: number;
  readonly time: number | undefined;
  readonly mappings: PerfMapping[];
  /** What the kernel has touched of the new address space. */
  readonly touches: Touch[];
  /** As the program that called exec named it; else the task's new name. */
  path: string;
  formerTid: number;
}

/** A mapping of a file whose name a later mapping of the same descriptor may tell. */
export interface Unnamed {
  readonly pending: Pending;
  readonly span: FileSpan;
  /** Calls that the task has made since. */
  age: number;
}

/** Where a file was mapped as a whole, before its parts got their protections. */
export interface FileSpan {
  readonly fd: number;
  readonly start: number;
  readonly end: number;
}

/** What the lines about one task have left open. */
export interface TaskText {
  bits: 32 | 64;
  open: OpenCall | undefined;
  exec: OpenExec | undefined;
  /** A task that it made, by an event outside any call that the recording shows. */
  birth: { readonly pending: Pending; readonly call: OpenCall } | undefined;
  unnamed: Unnamed[];
  /** The last file that has become known. */
  named: { readonly span: FileSpan; readonly file: ShownFile } | undefined;
}

export const newTask = (bits: 32 | 64): TaskText => ({
  bits,
  open: undefined,
  exec: undefined,
  birth: undefined,
  unnamed: [],
  named: undefined,
});

/** Where exec put things: the program's code is mapped first, then its loader's, then the vdso. */
export function imageOf(mappings: readonly PerfMapping[]): ShownImage {
  const code = mappings.filter(({ perms, file }) => perms.includes("x") && file.path.startsWith("/"));
  const [program] = code;
  const loader = code.find(({ file }) => file.path !== program?.file.path);
  const stack = mappings.find(({ file }) => file.path === "[stack]");
  const vdso = mappings.find(({ file }) => file.path === "[vdso]");
  return {
    ...(program === undefined
      ? {}
      : { code: { start: program.start, offset: program.offset }, program: program.file }),
    ...(loader === undefined ? {} : { interpreter: loader.file }),
    ...(stack === undefined ? {} : { stackTop: stack.start + stack.length }),
    ...(vdso === undefined ? {} : { vdso: vdso.start }),
  };
}
