import type { StraceCall } from "../strace/text/index.ts";
import type { OpenCall } from "./calls.ts";
import { imageOf, type OpenExec } from "./task-text.ts";

/**
 * A successful exec as strace would print it, as far as perf tells: the program's name, and where it went.
 * Arguments and environment show nowhere.
 */
export function execCall(
  tid: number,
  { line, time, path, formerTid, mappings }: OpenExec,
  open: OpenCall | undefined,
  returned = line,
): StraceCall {
  const at = open?.time ?? time;
  return {
    kind: "call",
    tid,
    name: "execve",
    args: [`"${path.replaceAll(/[\\"]/g, String.raw`\$&`)}"`, "[...]", "..."],
    startLine: open?.line ?? line,
    line: returned,
    ...(at === undefined ? {} : { time: at }),
    ...(time === undefined ? {} : { returned: time }),
    result: { kind: "value", text: "0", value: 0, hex: "0x0" },
    ...(formerTid === tid ? {} : { formerTid }),
    image: imageOf(mappings),
    ...(open?.stack === undefined ? {} : { stack: open.stack }),
  };
}
