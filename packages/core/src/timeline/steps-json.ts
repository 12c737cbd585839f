import { LAYOUTS, UNLIMITED } from "../arch/index.ts";
import { fail, hex, type MmId, ok, type Result } from "../base/index.ts";
import { type KernelStep, MM_SCALARS, RECORD_KINDS, type RecordTable } from "../kernel/index.ts";
import type { Kspace, VmapArea } from "../kspace/index.ts";
import type { MmStruct, Vma } from "../mm/index.ts";
import { GapTree, Table } from "../struct/index.ts";
import { diffPages } from "./pages-diff.ts";
import { decodeVma, encodeVma, isJson, type Json, pageFrom, pageHex } from "./vma-json.ts";

/** Fields of an address space that hold a byte's address, and those that hold a page's. */
const BYTES = new Set(
  "startCode endCode startData endData startBrk brk startStack argStart argEnd envStart envEnd".split(" "),
);
const PAGES = new Set("mmapBase mmapLegacyBase mmapCompatBase mmapCompatLegacyBase vdso".split(" "));
const TOTALS = ["totalVm", "lockedVm", "dataVm", "execVm", "stackVm"];

/** Steps of these kinds say in JSON what changed, for a reader; they cannot be applied from there. */
export const SHOWN_STEPS: ReadonlySet<string> = new Set(["pte", "frame", "tlb"]);

/** Steps as plain JSON. All but those of `SHOWN_STEPS` come back from it as they were. */
export const encodeSteps = (steps: readonly KernelStep[]): readonly Json[] => steps.map(encodeStep);

function encodeStep(step: KernelStep): Json {
  const { kind } = step;
  switch (step.kind) {
    case "vma":
      return { kind, mm: step.mm, before: step.before.map(encodeVma), after: step.after.map(encodeVma) };
    case "mm": {
      const { mm, field } = step;
      return { kind, mm, field, ...sides(step, (value) => encodeField(field, value)) };
    }
    case "space":
      return { kind, mm: step.mm, ...sides(step, (mm) => encodeSpace(mm as MmStruct)) };
    case "kspace":
      return { kind, ...sides(step, (kspace) => encodeKspace(kspace as Kspace)) };
    case "counters":
      return { kind, before: step.before, after: step.after };
    case "pte": {
      const pages = diffPages(step.before, step.after).map(({ kind: what, start, end }) => ({
        kind: what,
        start: pageHex(start),
        end: pageHex(end),
      }));
      return { kind, mm: step.mm, pages };
    }
    case "frame":
      return {
        kind,
        ...sides(step, (memory) => {
          const { phys, swap } = memory as typeof step.before;
          return { freePages: phys.freePages, swapUsed: swap.used };
        }),
      };
    case "tlb":
      return {
        kind,
        ...sides(step, (tlb) =>
          [...(tlb as typeof step.before).cpus.values()].map(({ cpu, loadedMm, isLazy }) => ({
            cpu,
            loadedMm,
            isLazy,
          })),
        ),
      };
    default:
      return { kind, key: step.key, ...sides(step, encodeRecord) };
  }
}

/** Both sides, without the one that is not there. */
function sides(
  { before, after }: { readonly before: unknown; readonly after: unknown },
  encode: (value: unknown) => unknown,
): Json {
  return {
    ...(before === undefined ? {} : { before: encode(before) }),
    ...(after === undefined ? {} : { after: encode(after) }),
  };
}

function encodeField(field: string, value: unknown): unknown {
  if (BYTES.has(field)) return hex(value as number);
  return PAGES.has(field) ? pageHex(value as number) : value;
}

function encodeSpace(mm: MmStruct): Json {
  const fields: Record<string, unknown> = { layout: mm.layout.name };
  for (const field of [...MM_SCALARS, ...TOTALS]) {
    const value = mm[field as keyof MmStruct];
    if (value !== undefined) fields[field] = encodeField(field, value);
  }
  if (mm.kernel) fields.kernel = true;
  return { ...fields, vmas: mm.vmas.toArray().map(encodeVma) };
}

/** Records are plain but for limits without a limit. */
const encodeRecord = (record: unknown): unknown =>
  JSON.parse(
    JSON.stringify(record, (_, value: unknown) => (value === UNLIMITED ? { unlimited: true } : value)),
  );

function encodeKspace({ areas, pkmap, pageAddress, locals, freeFrames, ...plain }: Kspace): Json {
  const tables = { pkmap: [...pkmap], pageAddress: [...pageAddress], locals: [...locals] };
  return { ...plain, areas: areas.toArray(), ...tables, freeFrames: [...freeFrames.keys()] };
}

/** Reads steps back, to be applied; refuses, in words, what is none, and steps that are only shown. */
export function decodeSteps(json: readonly unknown[]): Result<readonly KernelStep[], string> {
  const steps: KernelStep[] = [];
  for (const [i, value] of json.entries()) {
    const step = isJson(value) ? decodeStep(value) : "not an object";
    if (typeof step === "string") return fail(`step ${i + 1}: ${step}`);
    steps.push(step);
  }
  return ok(steps);
}

function decodeStep(json: Json): KernelStep | string {
  const { kind, mm, before, after, field, key } = json;
  if (SHOWN_STEPS.has(kind as string)) return `steps of kind ${kind} are only shown, and cannot be applied`;
  switch (kind) {
    case "vma": {
      const [was, is] = [decodeVmas(before), decodeVmas(after)];
      if (typeof mm !== "number" || !was || !is) return "it has no mm, or a side that is no list of VMAs";
      return { kind, mm: mm as MmId, before: was, after: is };
    }
    case "mm": {
      if (typeof mm !== "number" || !MM_SCALARS.some((name) => name === field))
        return "it has no mm or field";
      const name = field as string;
      const [was, is] = [decodeField(name, before), decodeField(name, after)];
      return { kind, mm: mm as MmId, field: name as (typeof MM_SCALARS)[number], before: was, after: is };
    }
    case "space": {
      const [was, is] = [before, after].map((side) =>
        side === undefined ? undefined : decodeSpace(side, mm),
      );
      if (typeof mm !== "number" || was === null || is === null) return "a side is no address space";
      return { kind, mm: mm as MmId, before: was, after: is };
    }
    case "kspace": {
      const [was, is] = [decodeKspace(before), decodeKspace(after)];
      return was && is ? { kind, before: was, after: is } : "a side is no kernel half";
    }
    case "counters":
      if (!isJson(before) || !isJson(after)) return "it has no two sides";
      return { kind, before, after } as unknown as KernelStep;
    default: {
      const table = Object.entries(RECORD_KINDS).find(([, name]) => name === kind)?.[0] as RecordTable;
      if (!table) return `unknown kind ${JSON.stringify(kind)}`;
      if (typeof key !== "number") return "it has no key";
      const [was, is] = [decodeRecord(before), decodeRecord(after)];
      return { kind: RECORD_KINDS[table], table, key, before: was, after: is };
    }
  }
}

function decodeVmas(json: unknown): readonly Vma[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const vmas = json.map(decodeVma);
  return vmas.every((vma) => vma !== undefined) ? vmas : undefined;
}

function decodeField(field: string, value: unknown): unknown {
  if (BYTES.has(field)) return Number(value);
  return PAGES.has(field) ? pageFrom(value) : value;
}

function decodeSpace(json: unknown, mm: unknown): MmStruct | null {
  if (!isJson(json)) return null;
  const { layout, vmas, kernel, ...fields } = json;
  const named = LAYOUTS[layout as keyof typeof LAYOUTS];
  const list = decodeVmas(vmas);
  if (!named || !list) return null;
  const decoded = Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, decodeField(k, v)]));
  const space = { ...decoded, id: mm, layout: named, vmas: GapTree.from(list) };
  return Object.freeze({ ...space, ...(kernel === true && { kernel }) }) as unknown as MmStruct;
}

function decodeRecord(json: unknown): object | undefined {
  if (json === undefined) return undefined;
  const record = JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    isJson(value) && value.unlimited === true ? UNLIMITED : value,
  );
  return deepFreeze(record as object);
}

function deepFreeze<T extends object>(record: T): T {
  for (const value of Object.values(record))
    if (typeof value === "object" && value !== null) deepFreeze(value);
  return Object.freeze(record);
}

function decodeKspace(json: unknown): Kspace | undefined {
  if (!isJson(json)) return undefined;
  const { areas, pkmap, pageAddress, locals, freeFrames, ...plain } = json;
  if (![areas, pkmap, pageAddress, locals, freeFrames].every(Array.isArray)) return undefined;
  const table = <V>(entries: unknown): Table<number, V> => {
    const made = Table.empty<number, V>();
    for (const [key, value] of entries as readonly [number, V][]) made.set(key, value);
    return made;
  };
  const free = (freeFrames as readonly number[]).map((pfn) => [pfn, true]);
  const tables = { pkmap: table(pkmap), pageAddress: table(pageAddress), locals: table(locals) };
  const all = { ...plain, ...tables, areas: GapTree.from(areas as VmapArea[]), freeFrames: table(free) };
  return Object.freeze(all) as unknown as Kspace;
}
