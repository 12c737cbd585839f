/** What stands before the call: who, when, where. */
export interface Prefix {
  /** Where the rest of the line begins. */
  body: number;
  tid: number | undefined;
  /** Printed as "[pid N]", as on a terminal: then a line without it also means a process. */
  bracketed: boolean;
  /** Seconds as printed. */
  time: number | undefined;
  /** `time` is the difference to the line before (-r alone). */
  relative: boolean;
  ip: string | undefined;
}

/** Linux never has a pid above this (PID_MAX_LIMIT), so that a greater number is a time in whole seconds. */
export const PID_MAX = 4_194_304;
/** A smaller time without colons is a difference (-r): as seconds since 1970 it would lie before 1973. */
const EARLIEST_EPOCH = 100_000_000;

/** The longest bracket that -n or -i prints, with room to spare. */
const MAX_BRACKETS = 32;

const isDigit = (c: number): boolean => c >= 48 && c <= 57;

function skipDigits(line: string, at: number): number {
  let i = at;
  while (isDigit(line.charCodeAt(i))) i++;
  return i;
}

function skipBlanks(line: string, at: number): number {
  let i = at;
  while (line.charCodeAt(i) === 32) i++;
  return i;
}

/**
 * Reads "PID", "[pid N]", their "<comm>", the time (-t, -tt, -ttt, -r, both), the number (-n) and the
 * instruction pointer (-i) at the head of a line. Nothing of it has to be there.
 */
export function readPrefix(line: string): Prefix {
  const prefix: Prefix = {
    body: 0,
    tid: undefined,
    bracketed: false,
    time: undefined,
    relative: false,
    ip: undefined,
  };
  const first = line.charCodeAt(0);
  if (isDigit(first)) readPid(line, prefix);
  else if (first === 91 && line.startsWith("[pid ")) readBracketedPid(line, prefix);
  prefix.body = skipBlanks(line, prefix.body);
  if (isDigit(line.charCodeAt(prefix.body))) readTime(line, prefix);
  if (line.startsWith("(+", prefix.body)) skipDifference(line, prefix);
  while (line.charCodeAt(prefix.body) === 91 && readBrackets(line, prefix));
  return prefix;
}

function readPid(line: string, prefix: Prefix): void {
  let end = skipDigits(line, 0);
  const c = line.charCodeAt(end);
  if (c === 60) end = line.indexOf(">", end) + 1;
  if (end <= 0 || line.charCodeAt(end) !== 32) return;
  const pid = Number.parseInt(line, 10);
  if (pid > PID_MAX) return;
  prefix.tid = pid;
  prefix.body = end;
}

function readBracketedPid(line: string, prefix: Prefix): void {
  const start = skipBlanks(line, 5);
  let end = skipDigits(line, start);
  if (end === start) return;
  const pid = Number.parseInt(line.slice(start, end), 10);
  if (line.charCodeAt(end) === 60) end = line.indexOf(">", end) + 1;
  if (end <= 0 || line.charCodeAt(end) !== 93 || pid > PID_MAX) return;
  prefix.tid = pid;
  prefix.bracketed = true;
  prefix.body = end + 1;
}

function readTime(line: string, prefix: Prefix): void {
  const start = prefix.body;
  const whole = skipDigits(line, start);
  const clock = line.charCodeAt(whole) === 58;
  const seconds = clock ? skipClock(line, whole) : whole;
  const end = line.charCodeAt(seconds) === 46 ? skipDigits(line, seconds + 1) : seconds;
  if (line.charCodeAt(end) !== 32) return;
  prefix.body = skipBlanks(line, end);
  if (clock) {
    const hours = line.slice(start, whole);
    const minutes = line.slice(whole + 1, whole + 3);
    prefix.time = Number(hours) * 3600 + Number(minutes) * 60 + Number(line.slice(whole + 4, end));
    return;
  }
  prefix.time = Number(line.slice(start, end));
  prefix.relative = prefix.time < EARLIEST_EPOCH;
}

/** From the first colon of 12:34:56 to behind the seconds. */
function skipClock(line: string, at: number): number {
  return line.charCodeAt(at + 3) === 58 ? skipDigits(line, at + 4) : at;
}

/** "(+     0.000012)" stands between an absolute time and the call (-r with -t): the time says it all. */
function skipDifference(line: string, prefix: Prefix): void {
  const end = skipBlanks(line, prefix.body + 2);
  const close = line.indexOf(") ", end);
  if (isDigit(line.charCodeAt(end)) && close > 0) prefix.body = skipBlanks(line, close + 1);
}

/** "[   9] ", "[00007f498b16dad7] " or "[????????????????] "; false when the bracket is the call's own affair. */
function readBrackets(line: string, prefix: Prefix): boolean {
  const close = line.indexOf("] ", prefix.body);
  if (close < 0 || close - prefix.body > MAX_BRACKETS) return false;
  const content = line.slice(prefix.body + 1, close);
  if (!/^(?: *\d+|[0-9a-f]+|\?+)$/.test(content)) return false;
  if (/^[0-9a-f]{8,16}$/.test(content)) prefix.ip = content;
  prefix.body = skipBlanks(line, close + 1);
  return true;
}
