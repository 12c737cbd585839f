import { LOW_LIMIT } from "../arch/index.ts";
import { addressOf, type Pid, type Word } from "../base/index.ts";
import { MDWE, type MmEdit, type MmStruct, setMergeAny, type ThpDisabled } from "../mm/index.ts";
import { isLive } from "../process/index.ts";
import type { Outcome, Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

type Prctl = Request & { readonly call: "prctl" };

/** The options that decide about memory, as in include/uapi/linux/prctl.h. */
const PR = {
  SET_MM: 35,
  SET_THP_DISABLE: 41,
  GET_THP_DISABLE: 42,
  SET_MDWE: 65,
  GET_MDWE: 66,
  SET_MEMORY_MERGE: 67,
  GET_MEMORY_MERGE: 68,
  SET_VMA: 0x53564d41,
} as const;

const PR_SET_CHILD_SUBREAPER = 36;
const DONE: Outcome = { ret: 0 };

/** The one option that is about descendants: undefined for all others. */
export function setSubreaper(tx: Transaction, tid: Pid, r: Prctl): Outcome | undefined {
  const task = tx.peekTask(tid);
  if (r.option !== PR_SET_CHILD_SUBREAPER || !task || !isLive(task)) return undefined;
  tx.group(task.tgid).subreaper = r.arg === 0 ? undefined : true;
  return DONE;
}

const invalid = (why: string): Outcome => ({ errno: "EINVAL", why });

/** The options of prctl that this kernel's memory rules decide. */
export function prctl(edit: MmEdit, r: Prctl): Outcome {
  switch (r.option) {
    case PR.SET_VMA:
      return invalid("anonymous VMA names are not built in");
    case PR.SET_MDWE:
      if (!edit.env.traits.mdwe) return invalid("this release has no PR_SET_MDWE");
      return hasRest(r) ? invalid("PR_SET_MDWE takes one argument") : setMdwe(edit, r.arg);
    case PR.GET_MDWE:
      if (!edit.env.traits.mdwe) return invalid("this release has no PR_GET_MDWE");
      return r.arg !== 0 || hasRest(r) ? invalid("PR_GET_MDWE takes none") : { ret: edit.mm.mdwe };
    case PR.SET_THP_DISABLE:
      return setThpDisable(edit, r);
    case PR.GET_THP_DISABLE:
      if (r.arg !== 0 || hasRest(r)) return invalid("PR_GET_THP_DISABLE takes none");
      return { ret: edit.mm.thpDisabled === undefined ? 0 : THP_ANSWER[edit.mm.thpDisabled] };
    case PR.SET_MEMORY_MERGE:
      if (hasRest(r)) return invalid("PR_SET_MEMORY_MERGE takes one argument");
      setMergeAny(edit, r.arg !== 0);
      return DONE;
    case PR.GET_MEMORY_MERGE:
      if (r.arg !== 0 || hasRest(r)) return invalid("PR_GET_MEMORY_MERGE takes none");
      return { ret: edit.mm.mergeAny ? 1 : 0 };
    case PR.SET_MM:
      return setMm(edit, r);
    default:
      return DONE;
  }
}

const hasRest = ({ arg3 = 0, arg4 = 0, arg5 = 0 }: Prctl): boolean => arg3 !== 0 || arg4 !== 0 || arg5 !== 0;

/** prctl_set_mdwe, kernel/sys.c (6.18): once set it stays. */
function setMdwe(edit: MmEdit, bits: Word): Outcome {
  if (bits === MDWE.NO_INHERIT || bits > (MDWE.REFUSE_EXEC_GAIN | MDWE.NO_INHERIT))
    return invalid("PR_SET_MDWE: unknown or incomplete bits");
  if (edit.mm.mdwe !== 0 && edit.mm.mdwe !== bits)
    return { errno: "EPERM", why: "PR_SET_MDWE cannot be taken back" };
  edit.set("mdwe", Number(bits));
  return DONE;
}

const THP_EXCEPT_ADVISED = 2;
const THP_ANSWER: Readonly<Record<ThpDisabled, number>> = { completely: 1, "except advised": 3 };

/**
 * Takes transparent huge pages from a process, or gives them back.
 *
 * @kernel prctl_set_thp_disable, kernel/sys.c (6.18)
 */
function setThpDisable(edit: MmEdit, { arg, arg3 = 0, arg4 = 0, arg5 = 0 }: Prctl): Outcome {
  if (arg4 !== 0 || arg5 !== 0) return invalid("PR_SET_THP_DISABLE takes two arguments");
  if (arg3 !== 0 && (!edit.env.traits.thpDisableFlags || arg === 0 || arg3 !== THP_EXCEPT_ADVISED))
    return invalid("PR_SET_THP_DISABLE: unknown flags");
  const how = arg3 === 0 ? "completely" : "except advised";
  edit.set("thpDisabled", arg === 0 ? undefined : how);
  return DONE;
}

/** The fields of PR_SET_MM by its second argument. */
const FIELDS = [
  undefined,
  "startCode",
  "endCode",
  "startData",
  "endData",
  "startStack",
  "startBrk",
  "brk",
  "argStart",
  "argEnd",
  "envStart",
  "envEnd",
] as const;

type Field = NonNullable<(typeof FIELDS)[number]>;

/** Those that must lie in some mapping's reach. */
const ON_STACK: ReadonlySet<Field> = new Set(["startStack", "argStart", "argEnd", "envStart", "envEnd"]);

/** Second arguments of PR_SET_MM that name no single field. */
const AUXV = 12;
const EXE_FILE = 13;
const MAP = 14;
const MAP_SIZE = 15;

/** Bytes of struct prctl_mm_map. */
const MAP_BYTES = 104;

/**
 * Sets one of the fields that describe a program's own ranges, as a checkpointed process is given them back;
 * or all at once.
 *
 * @refuses EINVAL, EPERM without CAP_SYS_RESOURCE, EFAULT, EBADF
 * @kernel prctl_set_mm, validate_prctl_map_addr, kernel/sys.c (6.18)
 */
function setMm(edit: MmEdit, r: Prctl): Outcome {
  const { arg, arg3 = 0, arg4 = 0, arg5 = 0 } = r;
  const which = Number(arg);
  const takesSize = which === AUXV || which === MAP || which === MAP_SIZE;
  if (arg5 !== 0 || (arg4 !== 0 && !takesSize)) return invalid("PR_SET_MM: too many arguments");
  if (which === MAP_SIZE) return DONE;
  if (which === MAP) return setMmMap(edit, r);
  if (!edit.env.capabilities.sysResource) return { errno: "EPERM", why: "PR_SET_MM needs CAP_SYS_RESOURCE" };
  if (which === EXE_FILE) return { errno: "EBADF", why: "the model knows no executable by its descriptor" };
  if (which === AUXV) return arg4 > AUXV_BYTES ? invalid("a longer auxiliary vector") : DONE;
  if (!isUserAddress(edit, arg3)) return invalid("the address is outside user space");
  const field = FIELDS[which];
  if (field === undefined) return invalid(`PR_SET_MM: no field ${arg}`);
  const wrong = misfit(edit, { ...edit.mm, [field]: Number(arg3) });
  if (wrong !== undefined) return invalid(wrong);
  if (ON_STACK.has(field) && !edit.findVma(Math.floor(Number(arg3) / 4096)))
    return { errno: "EFAULT", why: "no mapping at or above the address" };
  edit.set(field, Number(arg3));
  return DONE;
}

/** Order of the fields in struct prctl_mm_map; behind them come the auxiliary vector, its size and a file. */
const MAP_FIELDS: readonly Field[] = [
  "startCode",
  "endCode",
  "startData",
  "endData",
  "startBrk",
  "brk",
  "startStack",
  "argStart",
  "argEnd",
  "envStart",
  "envEnd",
];

/** The last word of the struct holds the vector's size and the file: 0xffffffff in its upper half is none. */
const NO_EXE = 0xffffffffn;

/**
 * prctl_set_mm_map: needs no capability, as long as the executable stays.
 *
 * @refuses EINVAL; EPERM for another executable; EFAULT where nothing is known behind the pointer
 */
function setMmMap(edit: MmEdit, { arg4 = 0, map }: Prctl): Outcome {
  if (arg4 !== MAP_BYTES) return invalid(`PR_SET_MM_MAP: not ${MAP_BYTES} bytes`);
  if (map === undefined) return { errno: "EFAULT", why: "nothing is known behind the pointer" };
  const outside = MAP_FIELDS.find((_, i) => !isUserAddress(edit, map[i] ?? 0));
  if (outside !== undefined) return invalid(`${outside} is outside user space`);
  const values = Object.fromEntries(MAP_FIELDS.map((field, i) => [field, Number(map[i])]));
  const wrong = misfit(edit, { ...edit.mm, ...values });
  if (wrong !== undefined) return invalid(wrong);
  const [vector = 0, last = 0] = map.slice(MAP_FIELDS.length);
  const bytes = Number(BigInt(last) & 0xffffffffn);
  if (bytes > 0 && (vector === 0 || bytes > AUXV_BYTES)) return invalid("no, or a longer auxiliary vector");
  if (BigInt(last) >> 32n !== NO_EXE && !edit.env.capabilities.sysAdmin)
    return { errno: "EPERM", why: "another executable needs CAP_SYS_ADMIN" };
  for (const [i, field] of MAP_FIELDS.entries()) edit.set(field, Number(map[i]));
  return DONE;
}

/** Bytes that the kernel keeps of a program's auxiliary vector: saved_auxv. */
const AUXV_BYTES = 448;

const isUserAddress = ({ taskSize }: MmEdit, address: Word): boolean =>
  address < taskSize && address >= addressOf(LOW_LIMIT);

/** What is wrong with the fields together; undefined when they fit. */
function misfit(edit: MmEdit, mm: MmStruct): string | undefined {
  const outside = FIELDS.find((field) => field !== undefined && !isUserAddress(edit, mm[field]));
  if (outside !== undefined) return `${outside} is outside user space`;
  const ordered =
    mm.startCode < mm.endCode &&
    mm.startData <= mm.endData &&
    mm.startBrk <= mm.brk &&
    mm.argStart <= mm.argEnd &&
    mm.envStart <= mm.envEnd;
  if (!ordered) return "a range would end before it starts";
  const data = mm.brk - mm.startBrk + (mm.endData - mm.startData);
  return data > edit.env.limits.data.soft ? "RLIMIT_DATA" : undefined;
}
