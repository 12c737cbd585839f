import { ok } from "@pagetrail/core";
import { importBundled } from "../bundled.ts";
import { openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { sideAfter, sideBefore } from "../text/diff-text.ts";
import { tourLines } from "../text/tour-text.ts";
import { vmaJson } from "../text/vma-json.ts";
import { type TourFacts, tourFacts } from "../tour-facts.ts";
import type { CommonOptions, Ending } from "./command.ts";

/** Shows what can be done with a log: the given one, or one made of the bundled recording. */
export async function tourCommand(path: string | undefined, options: CommonOptions, out: Output): Ending {
  const log = path === undefined ? ok(importBundled().log) : await openLog(path, out);
  if (!log.ok) return log;
  const facts = tourFacts(log.value);
  if (!facts.ok) return facts;
  if (options.json) out.document(asJson(facts.value));
  else out.lines(tourLines(facts.value, path, out.style));
  return ok(0);
}

function asJson({ log, processes, decided, predicted, life }: TourFacts) {
  const counted = {
    log: log.name,
    events: log.timeline.events.length,
    processes: processes.length,
    decided,
    predicted,
  };
  if (!life) return { ...counted, pid: null, moments: [], stepBack: null };
  const { process, moments, stepBack } = life;
  return {
    ...counted,
    pid: process.pid,
    moments: moments.map(({ what, seq, state, mm }) => ({
      what,
      event: seq,
      vmas: [...mm.vmas.items()].map((vma) => vmaJson(state, mm, vma)),
    })),
    stepBack: stepBack
      ? {
          event: stepBack.event.seq,
          changed: stepBack.changes.map((c) => ({
            kind: c.kind,
            before: sideBefore(c).length,
            after: sideAfter(c).length,
          })),
          digests: stepBack.digests,
        }
      : null,
  };
}
