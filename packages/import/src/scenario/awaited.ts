import { ERRNO, type Errno, hex, type Outcome, wordHex } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import type { Scene, Value } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { needNumber, readValue, seesValue } from "./value.ts";

/** Faults that a request cost. */
export interface FaultCount {
  readonly minor: number;
  readonly major: number;
}

/** How a request ended, as its line judges it. */
export interface Ended {
  readonly outcome: Outcome;
  readonly faults: FaultCount;
}

/** Says what is otherwise than a line expects; undefined when nothing is. */
export type Judge = (scene: Scene, ended: Ended) => string | undefined;

/** An outcome in words, with the reason of a refusal. */
export function outcomeWords(outcome: Outcome): string {
  if ("ret" in outcome) return outcome.ret < 0x10000 ? String(outcome.ret) : wordHex(outcome.ret);
  if ("errno" in outcome)
    return outcome.why === undefined ? outcome.errno : `${outcome.errno} (${outcome.why})`;
  if ("gone" in outcome) return outcome.gone;
  return `${outcome.signal} ${shortCode(outcome.code)} at ${wordHex(outcome.addr)}`;
}

const shortCode = (code: string): string => code.replace(/^(?:SEGV|BUS|SI)_/, "");

const isFine = (outcome: Outcome): boolean =>
  "ret" in outcome || ("gone" in outcome && !outcome.gone.startsWith("SIG"));

const missed = (wanted: string, { outcome }: Ended): string =>
  `expected ${wanted}, got ${outcomeWords(outcome)}`;

/** What a line without an arrow expects. */
export const succeeds: Judge = (_, ended) => (isFine(ended.outcome) ? undefined : missed("success", ended));

const ERRNOS = Object.keys(ERRNO) as Errno[];
const SEGV_CODES = ["MAPERR", "ACCERR", "KERNEL"] as const;

/** What stands behind `->`: how the request ends, and how many faults it costs. */
export function readAwaited(cursor: Cursor, scope: Scope): Judge {
  const count = readFaults(cursor);
  if (count) return both(succeeds, count);
  const end = readEnd(cursor, scope);
  const more = cursor.isAtEnd
    ? undefined
    : (readFaults(cursor) ?? cursor.stop("a number of faults", "the end of the line"));
  return more === undefined ? end : both(end, more);
}

const both =
  (first: Judge, second: Judge): Judge =>
  (scene, ended) =>
    first(scene, ended) ?? second(scene, ended);

function readEnd(cursor: Cursor, scope: Scope): Judge {
  const word = cursor.word("ok", "any", "SIGSEGV", "SIGBUS", "SIGKILL", ...ERRNOS);
  switch (word) {
    case "ok":
      return succeeds;
    case "any":
      return () => undefined;
    case "SIGSEGV":
      return signalJudge(word, cursor.word(...SEGV_CODES));
    case "SIGBUS":
      return signalJudge(word, cursor.word("ADRERR"));
    case "SIGKILL":
      return (_, ended) =>
        "gone" in ended.outcome && ended.outcome.gone === word ? undefined : missed(word, ended);
    case undefined:
      if (!seesValue(cursor, scope)) return cursor.stop("a value", "a number of faults");
      return valueJudge(readValue(cursor, scope, "a value"));
    default:
      return (_, ended) =>
        "errno" in ended.outcome && ended.outcome.errno === word ? undefined : missed(word, ended);
  }
}

const signalJudge =
  (signal: string, code: string | undefined): Judge =>
  (_, ended) => {
    const { outcome } = ended;
    const isIt =
      "signal" in outcome &&
      outcome.signal === signal &&
      (code === undefined || shortCode(outcome.code) === code);
    return isIt ? undefined : missed(code === undefined ? signal : `${signal} ${code}`, ended);
  };

const valueJudge =
  (value: Value): Judge =>
  (scene, ended) => {
    const wanted = value(scene);
    const isIt = "ret" in ended.outcome && BigInt(ended.outcome.ret) === wanted;
    return isIt ? undefined : missed(hex(Number(wanted)), ended);
  };

/** A number with a word behind it, which can only be faults. */
const FAULTS = /\d+(?=\s+[a-z])/;

/** `2 faults`, `1 major fault`. */
function readFaults(cursor: Cursor): Judge | undefined {
  if (!cursor.sees(FAULTS)) return undefined;
  const wanted = needNumber(cursor, "a number of faults");
  const kind = cursor.word("major");
  cursor.oneOf("fault", "faults");
  return (_, { faults: { minor, major } }) => {
    const found = kind === undefined ? minor + major : major;
    const noun = kind === undefined ? "fault" : "major fault";
    return found === wanted ? undefined : `expected ${counted(wanted, noun)}, got ${found}`;
  };
}

/** `1 fault`, `2 faults`. */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
