import { encodeEvent, ok, type Result } from "@pagetrail/core";
import { type Expression, type Found, type Search, search } from "@pagetrail/core/search";
import { noteProcess, readExpression, type Written } from "../expression.ts";
import { executed, type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import { openSearchIndex } from "../search-index-file.ts";
import { EventText } from "../text/event-text.ts";
import { count } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface WhenOptions extends CommonOptions {
  readonly first?: boolean;
  readonly last?: boolean;
  readonly all?: boolean;
  readonly pid?: number;
}

export type Hit = Extract<Found, { kind: "found" }>;

/** Prints the events at which an expression holds, or becomes true; exit 1 if there are some. */
export async function whenCommand(path: string, text: string, options: WhenOptions, out: Output): Ending {
  const asked = [options.first, options.last, options.all].filter((one) => one === true);
  if (asked.length > 1)
    return refused({ what: "--first, --last and --all exclude one another", advice: "use one of them" });
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const expression = readExpression(text, log.value, options.pid);
  if (!expression.ok) return expression;
  const direction = options.last ? "backward" : "forward";
  const most = options.first || options.last ? 1 : Number.POSITIVE_INFINITY;
  const shown = options.json ? new Collected() : new Printer(log.value, out);
  if (!options.json) noteProcess(expression.value, out);
  const found = await searchLog(log.value, { expression: expression.value.value, direction }, out, (hit) => {
    shown.take(hit);
    return shown.count < most;
  });
  if (!found.ok) return found;
  if (options.json) out.document(asJson(log.value, expression.value, shown as Collected));
  return ok(shown.count > 0 ? 1 : 0);
}

/** Looks through a whole log, with its index if it has one, until `take` has enough. */
export async function searchLog(
  log: LoadedLog,
  asked: Pick<Search, "expression" | "direction" | "edge">,
  out: Output,
  take: (hit: Hit) => boolean,
): Promise<Result<undefined, Problem>> {
  const { timeline, name } = log;
  const index = await openSearchIndex(log, out);
  if (!index.ok) return index;
  const { first: from, last: to } = timeline;
  const searching = search(timeline, { from, to, index: index.value, ...asked });
  const progress = out.progress("searching");
  try {
    for (;;) {
      const step = executed(name, () => searching.next());
      if (!step.ok) return step;
      if (step.value.done) return ok(undefined);
      const found = step.value.value;
      if (found.kind === "found" && !take(found)) return ok(undefined);
      const wait = progress.tick(() => `event ${count(found.seq)} of ${count(to)}`);
      if (wait) await wait;
    }
  } finally {
    progress.end();
  }
}

/** Prints each event as `pagetrail events` does. */
class Printer {
  readonly #text: EventText;
  readonly #events: LoadedLog["timeline"]["events"];
  #learned = 0;
  count = 0;

  constructor(
    { timeline }: LoadedLog,
    private readonly out: Output,
  ) {
    this.#text = new EventText(out.style);
    this.#events = timeline.events;
  }

  take({ event, seq }: Hit): void {
    this.count += 1;
    for (
      let next = this.#events[this.#learned];
      next && next.seq <= seq;
      next = this.#events[this.#learned]
    ) {
      this.#text.learn(next);
      this.#learned += 1;
    }
    this.out.line(event ? this.#text.line(event) : "it is so from the start");
  }
}

class Collected {
  readonly hits: Hit[] = [];

  get count(): number {
    return this.hits.length;
  }

  take(hit: Hit): void {
    this.hits.push(hit);
  }
}

export const hitJson = ({ seq, event }: Hit): Readonly<Record<string, unknown>> => ({
  seq,
  event: event ? encodeEvent(event) : null,
});

const asJson = ({ name }: LoadedLog, { text, pid }: Written<Expression>, { hits }: Collected) => ({
  log: name,
  expression: text,
  pid: pid ?? null,
  found: hits.map(hitJson),
});
