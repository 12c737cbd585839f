import { ok, type Result } from "@pagetrail/core";
import {
  countedProcesses,
  type Expression,
  ScannedSpaces,
  termsOf,
  valueAt,
  Walk,
} from "@pagetrail/core/search";
import { noteProcess, readExpression } from "../expression.ts";
import { describeMoment } from "../moment.ts";
import { executed, type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import type { Problem } from "../problem.ts";
import { EventText } from "../text/event-text.ts";
import { valueJson, valueText } from "../text/series-text.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";
import { type Hit, hitJson, searchLog } from "./when.ts";

export interface BisectOptions extends CommonOptions {
  readonly pid?: number;
}

/** Something that the expression speaks of, on both sides of the event. */
interface Side {
  readonly name: string;
  readonly before: string | number | null;
  readonly after: string | number | null;
  readonly text: readonly [string, string];
}

/**
 * Finds the first event that makes an expression true, and shows what became of its numbers there; exit 1 if there
 * is one. Nothing is assumed of the expression, such as that it stays true: every block of events in which it may
 * become true is looked through.
 */
export async function bisectCommand(path: string, text: string, options: BisectOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const expression = readExpression(text, log.value, options.pid);
  if (!expression.ok) return expression;
  let hit: Hit | undefined;
  const asked = { expression: expression.value.value, direction: "forward" } as const;
  const searched = await searchLog(log.value, asked, out, (found) => {
    hit = found;
    return false;
  });
  if (!searched.ok) return searched;
  const sides = hit ? sidesOf(log.value, asked.expression, hit) : ok([]);
  if (!sides.ok) return sides;
  if (options.json) {
    const terms = sides.value.map(({ name, before, after }) => ({ name, before, after }));
    const found = hit ? { ...hitJson(hit), terms } : null;
    out.document({ log: log.value.name, expression: text, pid: expression.value.pid ?? null, found });
    return ok(hit ? 1 : 0);
  }
  noteProcess(expression.value, out);
  if (hit) out.lines(asText(log.value, hit, sides.value, out));
  else out.line("no event makes it true");
  return ok(hit ? 1 : 0);
}

/** The numbers and names of an expression before and behind an event. */
function sidesOf(
  { timeline, name }: LoadedLog,
  expression: Expression,
  { seq }: Hit,
): Result<readonly Side[], Problem> {
  return executed(name, () => {
    const walk = new Walk(timeline, new ScannedSpaces(timeline), countedProcesses(expression));
    const sides = new Map<string, Side>();
    for (const moment of walk.from(Math.max(timeline.first, seq - 1), seq)) {
      sides.clear();
      for (const term of termsOf(expression)) {
        const { unit } = term.term;
        const [before, after] = [valueAt(term, moment, "before"), valueAt(term, moment, "after")];
        const whose = term.subject
          ? "pid" in term.subject
            ? `pid ${term.subject.pid}: `
            : `mm ${term.subject.mm}: `
          : "";
        const label = `${whose}${term.name}`;
        sides.set(label, {
          name: label,
          before: sideJson(before, unit),
          after: sideJson(after, unit),
          text: [sideText(before, unit), sideText(after, unit)],
        });
      }
    }
    return [...sides.values()];
  });
}

type Value = ReturnType<typeof valueAt>;
type Unit = Parameters<typeof valueText>[1];

const sideJson = (value: Value, unit: Unit): string | number | null =>
  typeof value === "string" ? value : valueJson(value, unit);

const sideText = (value: Value, unit: Unit): string =>
  typeof value === "string" ? value : valueText(value, unit);

function* asText(log: LoadedLog, { seq, event }: Hit, sides: readonly Side[], out: Output): Iterable<string> {
  if (!event) {
    yield "it is so from the start";
    return;
  }
  yield describeMoment(log, seq);
  const text = new EventText(out.style);
  for (const one of log.timeline.events) {
    if (one.seq > seq) break;
    text.learn(one);
  }
  yield text.line(event);
  const rows = sides.map(({ name, text: [before, after] }) =>
    before === after ? [name, "", after] : [name, before, after],
  );
  if (rows.length > 0)
    yield* table([{ title: "" }, { title: "before", right: true }, { title: "behind", right: true }], rows);
}
