import { callOf, mmOf, type Pid } from "@pagetrail/core";
import { kilobytes } from "../text/numbers.ts";
import { outcomeHex } from "../text/outcome.ts";
import type { Happening } from "./history.ts";

const COLUMNS = [
  ...["event", "line", "time", "pid", "tid", "call", "outcome", "mapped", "unmapped", "vmas"],
  ...["total_vm_kb", "data_vm_kb", "stack_vm_kb", "locked_vm_kb", "rss_kb", "swap_kb", "page_tables_kb"],
];

export const csvHead = (): string => `${COLUMNS.join(",")}\r\n`;

/**
 * A row for an event: what it was, how many mappings it made and took away, and the numbers of its process's address
 * space behind it, empty where there are none. No field needs quotes.
 */
export function csvRow({ event, after, pid, mapped, unmapped }: Happening): string {
  const mm = mmOf(after, event.tid as Pid);
  const kb = (pages: number | undefined): number | undefined =>
    pages === undefined ? undefined : kilobytes(pages);
  const fields = [
    ...[event.seq, event.line, event.time?.toFixed(6), pid, event.tid, callOf(event)],
    ...[outcomeHex(event.outcome), mapped.length, unmapped.length, mm?.vmas.size],
    ...[kb(mm?.totalVm), kb(mm?.dataVm), kb(mm?.stackVm), kb(mm?.lockedVm)],
    ...[kb(mm?.pages?.rss), kb(mm?.pages?.swapEnts), kb(mm?.pages?.table.counted)],
  ];
  return `${fields.join(",")}\r\n`;
}
