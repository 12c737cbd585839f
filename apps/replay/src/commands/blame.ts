import {
  type BlameRange,
  blameAt,
  blamePage,
  blameSpace,
  DamagedIndex,
  type Histories,
  hex,
  type MmStruct,
  ok,
  PAGE_SIZE,
  type PageBlame,
  type PageRange,
  pages as pagesOfRange,
  type Result,
  type Vma,
} from "@pagetrail/core";
import { findPages } from "../address.ts";
import { historiesOf, workOut } from "../blame-histories.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import {
  introduce,
  momentJson,
  openProcess,
  type ProcessViewOptions,
  type ShownProcess,
} from "../process-view.ts";
import { groupBlame, groupTable } from "../text/blame-groups.ts";
import { BlameText } from "../text/blame-text.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { Ending } from "./command.ts";

export interface BlameOptions extends ProcessViewOptions {
  /** Puts together what one place of the program made. */
  readonly group?: boolean;
}

/** A range and the VMA that it is part of. */
interface Blamed {
  readonly vma: Vma;
  readonly range: BlameRange;
}

interface Answer {
  readonly blamed: readonly Blamed[];
  /** Where one page was asked for whose entry is known. */
  readonly page: PageBlame | undefined;
}

/** Shows, for each range of an address space at one moment, the events that made it what it is. */
export async function blameCommand(
  path: string,
  text: string | undefined,
  options: BlameOptions,
  out: Output,
): Ending {
  const shown = await openProcess(path, options, out);
  if (!shown.ok) return shown;
  const { log, state, mm } = shown.value;
  if (!options.json) introduce(shown.value, out);
  if (!mm) {
    if (options.json) out.document({ ...momentJson(shown.value), ranges: [], page: null });
    return ok(0);
  }
  const range = text === undefined ? undefined : findPages(text, state, mm);
  if (range && !range.ok)
    return refused({ what: range.error, where: log.name, advice: "see pagetrail maps" });
  const answer = await answered(shown.value, mm, range?.value, out);
  if (!answer.ok) return answer;
  if (text !== undefined && answer.value.blamed.length === 0)
    return refused({ what: `nothing is mapped at ${text}`, where: log.name, advice: "see pagetrail maps" });
  if (options.group) showGroups(shown.value, mm, answer.value, options.json === true, out);
  else show(shown.value, mm, answer.value, range !== undefined, options.json === true, out);
  return ok(0);
}

function showGroups(shown: ShownProcess, mm: MmStruct, { blamed }: Answer, json: boolean, out: Output): void {
  const groups = groupBlame(shown.log.timeline, shown.state, mm, blamed);
  if (json) out.document({ ...momentJson(shown), groups });
  else out.lines(groupTable(groups, out.style));
}

/** Works without the index where that turns out to be damaged. */
async function answered(
  shown: ShownProcess,
  mm: MmStruct,
  range: PageRange | undefined,
  out: Output,
): Promise<Result<Answer, Problem>> {
  const histories = await historiesOf(shown.log, out);
  if (!histories.ok) return histories;
  try {
    return ok(answer(shown, mm, range, histories.value));
  } catch (error) {
    if (!(error instanceof DamagedIndex)) throw error;
    const again = await workOut(shown.log, out);
    return again.ok ? ok(answer(shown, mm, range, again.value)) : again;
  }
}

function answer(
  { state }: ShownProcess,
  mm: MmStruct,
  range: PageRange | undefined,
  histories: Histories,
): Answer {
  const { seq } = state;
  if (!range) return { blamed: blameSpace(histories, mm.id, seq, mm.vmas.items()), page: undefined };
  if (pagesOfRange(range) === 1) {
    const vma = mm.vmas.find(range.start);
    if (!vma) return { blamed: [], page: undefined };
    const one = { vma, range: blameAt(histories, mm.id, seq, vma, range.start) };
    const there = mm.pages?.table.walk(range.start).at(-1);
    const present = there !== undefined && !there.table.isEmpty(there.index);
    return {
      blamed: [one],
      page: present ? blamePage(histories, mm.id, seq, range.start) : undefined,
    };
  }
  const met = blameSpace(histories, mm.id, seq, mm.vmas.collect(range.start, range.end));
  return {
    blamed: met.filter(({ range: r }) => r.start < range.end && r.end > range.start),
    page: undefined,
  };
}

function show(
  shown: ShownProcess,
  mm: MmStruct,
  { blamed, page }: Answer,
  asked: boolean,
  json: boolean,
  out: Output,
): void {
  const text = new BlameText(shown.log.timeline, out.style);
  if (json) {
    out.document({
      ...momentJson(shown),
      ranges: blamed.map(({ vma, range }) => ({
        start: hex(range.start * PAGE_SIZE),
        end: hex(range.end * PAGE_SIZE),
        vma: vmaJson(shown.state, mm, vma),
        ...text.json(range),
      })),
      page: page ? text.pageJson(page) : null,
    });
    return;
  }
  const [one] = blamed;
  if (asked && one && blamed.length === 1) {
    out.lines(text.story(shown.state, mm, one.vma, one.range));
    if (page) out.lines(text.pageStory(page));
    return;
  }
  out.lines(text.table(shown.state, mm, blamed));
}
