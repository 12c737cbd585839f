import {
  type Cpu,
  type KernelState,
  kernPcid,
  type MmId,
  NO_MM,
  ok,
  pidOf,
  tlbContexts,
} from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface CpusOptions extends CommonOptions {
  readonly at: string;
}

/** Shows what each CPU runs at one moment, whose page tables it has loaded, and what its TLB holds of them. */
export async function cpusCommand(path: string, options: CpusOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const cpus = [...state.value.cpus.values()].map((cpu) => cpuRow(state.value, cpu));
  if (options.json) {
    out.document({ log: log.value.name, event: state.value.seq, cpus });
    return ok(0);
  }
  out.note(`${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
  if (cpus.length === 0) out.note("this log does not tell of CPUs, as one from an strace does not");
  else out.lines(table(COLUMNS, cpus.map(cells)));
  const tlbs = cpus.flatMap(({ cpu, tlb }) => (tlb ? [{ cpu, ...tlb }] : []));
  if (tlbs.length > 0) out.lines(["", ...table(TLB_COLUMNS, tlbs.map(tlbCells))]);
  return ok(0);
}

const COLUMNS = [
  { title: "CPU", right: true },
  { title: "PID", right: true },
  { title: "COMM" },
  { title: "STATE" },
  { title: "MM", right: true },
  { title: "ACTIVE_MM", right: true },
  { title: "LOADED", right: true },
  { title: "TLB" },
  { title: "PREV_MM", right: true },
  { title: "RUNNABLE" },
];

const TLB_COLUMNS = [
  "CPU",
  "LOADED",
  "ASID",
  "GEN",
  "OF",
  "ENTRIES",
  "HITS",
  "MISSES",
  "EVICTED",
  "PAGES",
  "ALL",
  "LOADS",
  "IPIS",
].map((title) => ({ title, right: true }));

/** One CPU's TLB: the flushes that it has seen of those that were asked for, and what has happened to it. */
function tlbRow(state: KernelState, id: number) {
  const cpu = state.tlb?.cpus.get(id);
  if (!cpu) return undefined;
  const { loadedMm, loadedAsid, ctxs, tlb, counts } = cpu;
  const context = tlbContexts(state).find(({ mm }) => mm === loadedMm);
  return {
    loadedMm,
    asid: loadedAsid,
    pcid: state.profile.tlb?.pcid === true ? kernPcid(loadedAsid) : null,
    tlbGen: ctxs[loadedAsid]?.tlbGen ?? 0,
    mmTlbGen: context?.tlbGen ?? 0,
    cpumask: context?.cpumask ?? [],
    entries: tlb.size,
    ...counts,
  };
}

const tlbCells = (row: { readonly cpu: number } & NonNullable<ReturnType<typeof tlbRow>>): string[] =>
  [
    row.cpu,
    row.loadedMm,
    row.asid,
    row.tlbGen,
    row.mmTlbGen,
    row.entries,
    row.hits,
    row.misses,
    row.evictions,
    row.pageFlushes,
    row.fullFlushes,
    row.switches,
    row.ipisReceived,
  ].map(String);

const orNull = (mm: MmId): number | null => (mm === NO_MM ? null : mm);

function cpuRow(state: KernelState, { id, online, current, loadedMm, lazy, prevMm }: Cpu) {
  const task = state.tasks.get(current);
  const waiting = [...state.tasks.values()].filter(
    (t) => t.cpu === id && t.state === "runnable" && t.kind !== "idle",
  );
  return {
    cpu: id,
    online,
    pid: Math.max(current, 0),
    comm: task?.comm ?? "",
    state: task?.state ?? "",
    mm: orNull(task?.mm ?? NO_MM),
    activeMm: orNull(task?.activeMm ?? NO_MM),
    loadedMm,
    lazy,
    prevMm: orNull(prevMm),
    runnable: waiting.map(pidOf),
    tlb: tlbRow(state, id) ?? null,
  };
}

function cells(row: ReturnType<typeof cpuRow>): string[] {
  const shown = (mm: number | null): string => (mm === null ? "–" : String(mm));
  return [
    String(row.cpu),
    String(row.pid),
    row.comm,
    row.state,
    shown(row.mm),
    shown(row.activeMm),
    shown(row.loadedMm),
    row.lazy ? "lazy" : "",
    shown(row.prevMm),
    row.runnable.join(" "),
  ];
}
