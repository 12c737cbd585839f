import {
  done,
  isAligned,
  ok,
  PAGE_SIZE,
  type Result,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { NO_POLICY, type Vma } from "./vma.ts";
import { vmaReplace } from "./vma-merge.ts";
import { pageOfWord } from "./vma-walk.ts";

/** Modes and flags of memory policies, as in include/uapi/linux/mempolicy.h. */
export const MPOL = {
  DEFAULT: 0,
  PREFERRED: 1,
  BIND: 2,
  INTERLEAVE: 3,
  LOCAL: 4,
  PREFERRED_MANY: 5,
  WEIGHTED_INTERLEAVE: 6,
  F_NUMA_BALANCING: 0x2000,
  F_RELATIVE_NODES: 0x4000,
  F_STATIC_NODES: 0x8000,
} as const;

const LAST_MODE = MPOL.WEIGHTED_INTERLEAVE;
const NODE_FLAGS = MPOL.F_RELATIVE_NODES | MPOL.F_STATIC_NODES;
const MODE_FLAGS = NODE_FLAGS | MPOL.F_NUMA_BALANCING;

/** MPOL_MF_STRICT, _MOVE and _MOVE_ALL: what to do about pages that are there already. */
const MOVE_FLAGS = 7;

export interface MbindRequest {
  readonly address: Word;
  readonly length: Word;
  /** The mode with its flags. */
  readonly mode: number;
  /** A bit for each node. */
  readonly nodes: Word;
  readonly flags: Word;
}

/**
 * Gives the mappings of a range a memory policy. Where pages come from is not modelled; but a mapping has one
 * policy, so that others of it are split off, and neighbours with different ones do not merge. The machine has
 * one node.
 *
 * @refuses EINVAL; EFAULT for a hole (MPOL_DEFAULT passes over holes); ENOMEM for a split at max_map_count
 * @kernel do_mbind, mm/mempolicy.c (6.18)
 */
export function mbind(edit: MmEdit, request: MbindRequest): Result<void> {
  const { address, length, mode } = request;
  const isDefault = (mode & ~MODE_FLAGS) === MPOL.DEFAULT;
  const checked = checkMode(mode);
  if (!checked.ok) return checked;
  if (request.flags > MOVE_FLAGS || request.flags < 0) return refuse("EINVAL", "unknown flags");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const end = wrapAdd(address, wrapAlignUp(length, PAGE_SIZE));
  if (end < address) return refuse("EINVAL", "range wraps");
  if (end === address) return done;
  const policy = newPolicy(request);
  if (!policy.ok) return policy;
  const [from, to] = [pageOfWord(address), pageOfWord(end)];
  const covered = checkCovered(edit, from, to, isDefault);
  return covered.ok ? bindRange(edit, from, to, policy.value) : covered;
}

/** sanitize_mpol_flags. */
function checkMode(mode: number): Result<void> {
  const kind = mode & ~MODE_FLAGS;
  if (kind > LAST_MODE || kind < 0) return refuse("EINVAL", `unknown mode ${kind}`);
  if ((mode & NODE_FLAGS) === NODE_FLAGS) return refuse("EINVAL", "static and relative nodes");
  const balances = (mode & MPOL.F_NUMA_BALANCING) !== 0;
  if (balances && kind !== MPOL.BIND && kind !== MPOL.PREFERRED_MANY)
    return refuse("EINVAL", "this mode does not go with balancing");
  return done;
}

/** mpol_new, and what mpol_set_nodemask leaves of the nodes on a machine that has one. */
function newPolicy({ mode, nodes }: MbindRequest): Result<string> {
  const kind = mode & ~MODE_FLAGS;
  const nodeFlags = mode & NODE_FLAGS;
  const none = nodes === 0;
  if (kind === MPOL.DEFAULT) return none ? ok(NO_POLICY) : refuse("EINVAL", "MPOL_DEFAULT with nodes");
  if (kind === MPOL.LOCAL && (!none || nodeFlags !== 0)) return refuse("EINVAL", "MPOL_LOCAL with nodes");
  if (kind === MPOL.PREFERRED && none && nodeFlags !== 0) return refuse("EINVAL", "no nodes to prefer");
  if (kind === MPOL.LOCAL || (kind === MPOL.PREFERRED && none)) return ok(`${MPOL.LOCAL}`);
  if (none) return refuse("EINVAL", "the mode needs nodes");
  const folds = (mode & MPOL.F_RELATIVE_NODES) !== 0;
  if (!folds && BigInt(nodes) % 2n === 0n) return refuse("EINVAL", "none of the nodes is there");
  return ok(policyText(mode, nodes));
}

/** A policy as text. Those that keep their nodes as they were asked for are equal only if these are. */
export const policyText = (mode: number, nodes: Word): string =>
  (mode & NODE_FLAGS) === 0 ? `${mode}` : `${mode}:${nodes}`;

/** queue_pages_test_walk: a hole anywhere is refused, and for MPOL_DEFAULT only a range without any mapping. */
function checkCovered(edit: MmEdit, from: number, to: number, holes: boolean): Result<void> {
  const vmas = edit.mm.vmas.collect(from, to);
  if (vmas.length === 0) return refuse("EFAULT", "nothing is mapped in the range");
  if (holes) return done;
  let at = from;
  for (const v of vmas) {
    if (v.start > at) break;
    at = v.end;
  }
  return at >= to ? done : refuse("EFAULT", "the range has a hole");
}

/** mbind_range over each mapping. */
export function bindRange(edit: MmEdit, from: number, to: number, policy: string): Result<void> {
  for (let at = from; at < to; ) {
    const vma = edit.findVma(at);
    if (!vma || vma.start >= to) break;
    const [start, end] = [Math.max(vma.start, at), Math.min(vma.end, to)];
    const bound = vma.policy === policy ? done : bindPart(edit, vma, start, end, policy);
    if (!bound.ok) return bound;
    at = end;
  }
  return done;
}

const bindPart = (edit: MmEdit, vma: Vma, start: number, end: number, policy: string): Result<void> =>
  vmaReplace(edit, vma, vma.part(start, end, vma.flags, vma.high).withPolicy(policy));
