import { ok } from "@pagetrail/core";
import { packLog } from "@pagetrail/store";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { problemOf, refused } from "../problem.ts";
import { count, counted } from "../text/numbers.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface PackOptions extends CommonOptions {
  readonly output?: string;
}

/** Writes a log once more: text packed, or what is packed as text. Every seal stays what it is. */
export async function packCommand(path: string, { output, json }: PackOptions, out: Output): Ending {
  const name = output ?? otherName(path);
  if (name === undefined)
    return refused({ what: "the log needs a name", where: "standard input", advice: "give one with -o LOG" });
  if (name === path)
    return refused({ what: "a log is not packed into itself", where: path, advice: "name another" });
  const target = logTarget(name, []);
  if (!target.ok) return target;
  const packed = packLog(path, target.value, { overwrite: true });
  if (!packed.ok) return refused(problemOf(packed.error));
  const { end, bytes } = packed.value;
  if (end.torn)
    out.partial(
      `the last ${counted(end.torn.bytes, "byte")} were not written to their end and are left out (${path}, line ` +
        `${end.torn.line}): the log ends at event ${end.seq}`,
    );
  if (json) out.document({ log: target.value, events: end.seq, bytes });
  else out.line(`${target.value}: ${counted(end.seq, "event")} in ${count(bytes)} bytes`);
  return ok(0);
}

/** `my.ptlog` becomes `my.ptlog.gz`, and the other way round. */
function otherName(path: string): string | undefined {
  if (path === "-") return undefined;
  return path.endsWith(".gz") ? path.slice(0, -".gz".length) : `${path}.gz`;
}
