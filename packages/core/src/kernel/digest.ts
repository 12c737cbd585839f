import { kspaceText } from "../kspace/index.ts";
import type { MmStruct, Vma } from "../mm/index.ts";
import type { KernelState } from "./state.ts";

/** Hex digest of a text: the outside brings one. */
export type Hash = (text: string) => string;

const vmaText = (v: Vma): string =>
  [v.start, v.end, v.flags, v.high, v.pgoff, v.file, v.ops.name, v.anonVma, v.chain].join(",");

/** A record as text with its members in order of name: the same however the record was made. */
function recordText(record: object): string {
  return JSON.stringify(record, (_, value: unknown) => {
    if (value === Number.POSITIVE_INFINITY) return "unlimited";
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function mmText(mm: MmStruct): string {
  const { vmas, layout, ...fields } = mm;
  const lines: string[] = [];
  for (const v of vmas) lines.push(vmaText(v));
  return `${layout.name} ${recordText(fields)}\n${lines.join("\n")}`;
}

/**
 * Digests states, remembering the digests of records that many states share.
 * The same state gives the same digest on every machine.
 */
export class StateDigest {
  readonly #known = new WeakMap<object, string>();

  constructor(private readonly hash: Hash) {}

  of(state: KernelState): string {
    const parts: string[] = [];
    for (const mm of state.mms.values()) parts.push(this.record(mm, () => mmText(mm)));
    for (const table of [state.tasks, state.groups, state.files, state.shms])
      for (const record of table.values()) parts.push(this.record(record, () => recordText(record)));
    // Nothing while nothing was mapped there: logs from before the kernel half keep their digests.
    const kspace = this.record(state.kspace, () => kspaceText(state.kspace));
    if (kspace !== "") parts.push(kspace);
    const { seq, committed, nextMm, nextAnonVma, nextFile } = state;
    parts.push(recordText({ seq, committed, nextMm, nextAnonVma, nextFile }));
    return this.hash(parts.join("\n"));
  }

  private record(record: object, text: () => string): string {
    const known = this.#known.get(record);
    if (known !== undefined) return known;
    const content = text();
    const digest = content === "" ? "" : this.hash(content);
    this.#known.set(record, digest);
    return digest;
  }
}
