import { splitArgs } from "./args.ts";
import type { Moment } from "./events.ts";
import type { CallResult, StackFrame, StraceCall } from "./record.ts";

/** A call that has begun. `text` holds what has been printed behind its opening parenthesis so far. */
export interface OpenCall {
  tid: number;
  readonly name: string;
  text: string;
  readonly startLine: number;
  readonly time: number | undefined;
  readonly ip: string | undefined;
  readonly headless: boolean;
  formerTid: number | undefined;
  returned: number | undefined;
}

/** A call that begins now, nothing of its arguments known yet. */
export function openCall(
  { tid, line, time }: Moment,
  { name, ip }: { readonly name: string; readonly ip: string | undefined },
): OpenCall {
  return {
    tid,
    name,
    text: "",
    startLine: line,
    time,
    ip,
    headless: false,
    formerTid: undefined,
    returned: undefined,
  };
}

/** A finished call. Its arguments are split when somebody asks: most calls are of no interest. */
export class FinishedCall implements StraceCall {
  readonly kind = "call";
  readonly tid: number;
  readonly name: string;
  readonly startLine: number;
  readonly line: number;
  readonly result: CallResult;
  declare readonly time?: number;
  declare readonly returned?: number;
  declare readonly duration?: number;
  declare readonly ip?: string;
  declare readonly formerTid?: number;
  declare readonly headless?: true;
  declare stack?: readonly StackFrame[];
  declare dumpLines?: number;
  readonly #argText: string;
  #args: readonly string[] | undefined;

  constructor(
    open: OpenCall,
    end: { argText: string; line: number; result: CallResult; duration: number | undefined },
  ) {
    this.tid = open.tid;
    this.name = open.name;
    this.startLine = open.startLine;
    this.line = end.line;
    this.result = end.result;
    this.#argText = end.argText;
    if (open.time !== undefined) this.time = open.time;
    if (open.returned !== undefined) this.returned = open.returned;
    if (open.ip !== undefined) this.ip = open.ip;
    if (open.formerTid !== undefined) this.formerTid = open.formerTid;
    if (open.headless) this.headless = true;
    if (end.duration !== undefined) this.duration = end.duration;
  }

  get args(): readonly string[] {
    this.#args ??= splitArgs(this.#argText);
    return this.#args;
  }
}
