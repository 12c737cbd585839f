import { detach, LineSplitter, MAX_LINE } from "../../lines.ts";
import { FinishedCall, type OpenCall, openCall } from "./call.ts";
import {
  findIntrusion,
  type Moment,
  ownMessage,
  parseExit,
  parseFrame,
  parseNote,
  parseSignal,
  parseSuperseded,
} from "./events.ts";
import { type Prefix, readPrefix } from "./prefix.ts";
import type { StackFrame, StraceCall, StraceExit, StraceRecord, StraceSignal } from "./record.ts";
import { parseReturn, type Returned } from "./result.ts";
import { findCallEnd, findLastCallEnd, IN_STRING, resultStart } from "./scan.ts";
import { ProcessNames } from "./tids.ts";

/** A line as it was read, to show it when it makes no sense. */
interface Whole {
  readonly text: string;
  readonly line: number;
  /** How many lines have gone on with it. */
  readonly breaks: number;
}

/** A line that stops in the middle of a call: strace's own message or the program's output broke into it. */
interface BrokenLine extends Whole {
  readonly open: OpenCall;
  /** What the line adds to the call. */
  readonly more: string;
  /** A message of strace broke in, so that the next line surely goes on with it. */
  readonly certain: boolean;
}

const SPACE = 32;
const PERCENT = 37;
const CAPITAL_S = 83;
const SHOWN = 200;
/** strace unwinds at most 256 frames. */
const MAX_FRAMES = 1024;
/** How often one call may be broken off; each time its text is read anew. */
const MAX_BREAKS = 64;
const UNFINISHED = "<unfinished ...>";
/** How the text of a call ends that has not returned yet, or that strace saw no more of. */
const OPEN_END = / ?<(?:unfinished|detached|pid changed to \d+) \.\.\.>$/;
const RESUMED = /^<\.\.\. ([A-Za-z0-9_]+|\?\?\?\?) resumed>/;
const FORKS: ReadonlySet<string> = new Set(["clone", "clone3", "fork", "vfork"]);
const NO_RESULT = "the call has no result, and the next line does not go on with it";

/**
 * Reads the text of strace, chunk by chunk, into records, in the order of the lines on which they are complete.
 *
 * Each char of a chunk is one byte (decode as latin1). Memory is bounded by the longest line and the calls that
 * have not returned. The last call, signal or exit is held back until the next line, which may bring its stack (-k).
 * Nothing throws, and no line but a blank one is dropped: what cannot be read comes back as "unreadable".
 *
 * Lines without a pid belong to `defaultTid` (for `x.PID` of -ff, pass PID), else to tid 0. On a terminal (-f
 * without -o) that is the first process throughout, also where its lines say "[pid N]"; `firstPid` tells N.
 */
export class StraceReader {
  #lines = 0;
  #unreadable = 0;
  #records: StraceRecord[] = [];
  #broken: BrokenLine | undefined;
  #inSummary = false;
  /** The last call whose line ended in "<unfinished ...>", and that line. */
  #interrupted: OpenCall | undefined;
  #interruptedOn = 0;
  /** Sum of the differences that -r prints, seconds. */
  #elapsed = 0;
  readonly #open = new Map<number, OpenCall>();
  /** Leader to the thread that took its place, until the execve resumes under the leader's tid. */
  readonly #superseded = new Map<number, number>();
  readonly #defaultTid: number;
  readonly #names: ProcessNames;
  readonly #splitter: LineSplitter;

  constructor(options: { readonly defaultTid?: number } = {}) {
    this.#defaultTid = options.defaultTid ?? 0;
    this.#names = new ProcessNames(this.#defaultTid);
    this.#splitter = new LineSplitter({
      line: (text) => this.#line(text),
      overlong: (head) => {
        this.#lines++;
        this.#giveUp(head, this.#lines, `the line is longer than ${MAX_LINE} characters`);
      },
    });
  }

  get lines(): number {
    return this.#lines;
  }

  get unreadable(): number {
    return this.#unreadable;
  }

  /** The pid that "[pid N]" lines gave away for the process whose tid is the default one. */
  get firstPid(): number | undefined {
    return this.#names.firstPid;
  }

  push(chunk: string): StraceRecord[] {
    this.#splitter.push(chunk);
    const records = this.#records;
    const last = records.at(-1);
    const held = last && mayOwnStack(last) ? records.pop() : undefined;
    this.#records = held ? [held] : [];
    return records;
  }

  /** The text is over: what is still open comes out, calls that never returned with result "none". */
  end(): StraceRecord[] {
    this.#splitter.end();
    if (this.#broken) {
      this.#giveUpCall(this.#broken.open, this.#broken, "the text ends in the middle of this call");
      this.#broken = undefined;
    }
    for (const { tid } of [...this.#open.values()].sort((a, b) => a.startLine - b.startLine))
      this.#abandon(tid);
    const records = this.#records;
    this.#records = [];
    return records;
  }

  #line(text: string): void {
    this.#lines++;
    if (text.trim() === "") return;
    const broken = this.#broken;
    const message = ownMessage(text);
    if (message !== undefined) this.#note(message);
    else if (broken) this.#mend(broken, text);
    else this.#read(text);
  }

  #mend(broken: BrokenLine, text: string): void {
    this.#broken = undefined;
    if ((broken.certain || goesOn(text)) && broken.breaks < MAX_BREAKS) {
      const { open, more, breaks } = broken;
      this.#continue(open, more + text, { text: broken.text, line: broken.line, breaks: breaks + 1 });
    } else {
      this.#giveUpCall(broken.open, broken, NO_RESULT);
      this.#read(text);
    }
  }

  #read(text: string): void {
    const first = text.charCodeAt(0);
    if ((this.#inSummary || first === PERCENT || first === CAPITAL_S) && this.#summaryLine(text)) return;
    if (first === SPACE && text.startsWith(" > ")) this.#frame(text);
    else if (first === SPACE && (text.startsWith(" | ") || text.startsWith(" * "))) this.#dumpLine(text);
    else this.#readBody(text, readPrefix(text));
  }

  #readBody(text: string, prefix: Prefix): void {
    const first = text[prefix.body];
    if (first === "<") this.#resumed(text, prefix);
    else if (first === "-" || first === "+") this.#event(text, prefix);
    else if (first === "[" && text.startsWith("[ Process PID=", prefix.body))
      this.#note(text.slice(prefix.body));
    else this.#call(text, prefix);
  }

  #call(text: string, prefix: Prefix): void {
    const paren = nameEnd(text, prefix.body);
    if (paren < 0) {
      this.#bareRest(text);
      return;
    }
    const moment = this.#moment(prefix);
    this.#abandon(moment.tid);
    const open = openCall(moment, { name: text.slice(prefix.body, paren), ip: prefix.ip });
    this.#continue(open, text.slice(paren + 1), { text, line: this.#lines, breaks: 0 });
  }

  /**
   * With -z, strace forgets to say that it resumes: the rest of a call stands bare on the line behind its
   * "<unfinished ...>".
   */
  #bareRest(text: string): void {
    const open = this.#interrupted;
    if (open && this.#interruptedOn === this.#lines - 1 && findCallEnd(text, 0) >= 0)
      this.#continue(open, text, { text, line: this.#lines, breaks: 0 });
    else this.#giveUp(text, this.#lines, "neither a system call nor a signal nor an exit");
  }

  #resumed(text: string, prefix: Prefix): void {
    const [mark, name] = RESUMED.exec(text.slice(prefix.body)) ?? [];
    if (mark === undefined || name === undefined) {
      this.#giveUp(text, this.#lines, 'not of the form "<... NAME resumed>"');
      return;
    }
    const moment = this.#moment(prefix, name);
    let open = this.#open.get(moment.tid);
    if (open?.name !== name) {
      this.#abandon(moment.tid);
      const formerTid = this.#superseded.get(moment.tid);
      open = { ...openCall(moment, { name, ip: prefix.ip }), headless: true, formerTid };
    }
    this.#superseded.delete(moment.tid);
    open.returned = moment.time;
    this.#continue(open, text.slice(prefix.body + mark.length), { text, line: this.#lines, breaks: 0 });
  }

  /** `more` of the call has been printed: to its result, to the next interruption, or to a broken end. */
  #continue(open: OpenCall, more: string, whole: Whole): void {
    const cut = more.endsWith(" ...>") ? more.search(OPEN_END) : -1;
    if (cut >= 0 && open.text.length + cut <= MAX_LINE) {
      open.text += detach(more.slice(0, cut));
      this.#open.set(open.tid, open);
      this.#interrupted = open;
      this.#interruptedOn = this.#lines;
      return;
    }
    const text = open.text + more;
    const strict = findCallEnd(text, 0);
    const close = strict >= 0 || strict === IN_STRING ? strict : findLastCallEnd(text, 0);
    const returned = close < 0 ? undefined : parseReturn(text.slice(resultStart(text, close)));
    if (close < 0) this.#breakOff(open, more, whole);
    else if (returned) this.#finish(open, text.slice(0, close), returned);
    else this.#giveUpCall(open, whole, "what follows the call is no result");
  }

  #finish(open: OpenCall, argText: string, { result, duration }: Returned): void {
    this.#open.delete(open.tid);
    if (result.kind === "value" && FORKS.has(open.name) && result.value) this.#names.born(result.value);
    const args = argText.endsWith(UNFINISHED) ? argText.slice(0, -UNFINISHED.length) : argText;
    this.#records.push(new FinishedCall(open, { argText: args, line: this.#lines, result, duration }));
  }

  /** The line stops inside a call: the next one may go on with it. */
  #breakOff(open: OpenCall, more: string, whole: Whole): void {
    const intrusion = findIntrusion(more);
    if (intrusion) this.#note(intrusion.message);
    const { text, line, breaks } = whole;
    const certain = intrusion !== undefined;
    this.#broken = { text, line, breaks, open, more: more.slice(0, intrusion?.at), certain };
  }

  #event(text: string, prefix: Prefix): void {
    const body = text.slice(prefix.body).trimEnd();
    const moment = this.#moment(prefix);
    const former = parseSuperseded(body);
    const exit = parseExit(body, moment);
    const event = exit ?? parseSignal(body, moment);
    if (exit) this.#ended(exit.tid);
    if (event) this.#records.push(event);
    else if (former !== undefined) this.#supersede(moment, former);
    else this.#giveUp(text, this.#lines, "neither a signal nor an exit");
  }

  #ended(tid: number): void {
    this.#abandon(tid);
    this.#names.ended(tid);
  }

  /** Thread `former` execs: its call goes on under the leader's tid, and the leader's own never returns. */
  #supersede({ tid: leader, line }: Moment, former: number): void {
    this.#abandon(leader);
    this.#names.ended(former);
    this.#records.push({ kind: "superseded", tid: former, leader, line });
    const open = this.#open.get(former);
    this.#superseded.set(leader, former);
    if (!open) return;
    this.#open.delete(former);
    open.tid = leader;
    open.formerTid = former;
    this.#open.set(leader, open);
  }

  #note(text: string): void {
    const note = parseNote(text, this.#lines);
    if (note.tid !== undefined && note.note === "attached") this.#names.attached(note.tid);
    this.#records.push(note);
  }

  #frame(text: string): void {
    const frame = parseFrame(text);
    const owner = this.#records.at(-1);
    if (!frame || !owner || !mayOwnStack(owner))
      this.#giveUp(text, this.#lines, "a stack frame that belongs to no call");
    else if ((owner.stack?.length ?? 0) >= MAX_FRAMES)
      this.#giveUp(text, this.#lines, `more than ${MAX_FRAMES} stack frames`);
    else owner.stack = [...(owner.stack ?? []), frame];
  }

  #dumpLine(text: string): void {
    const owner = this.#records.at(-1);
    if (owner instanceof FinishedCall) owner.dumpLines = (owner.dumpLines ?? 0) + 1;
    else this.#giveUp(text, this.#lines, "a line of hex dump that belongs to no call");
  }

  /** The table of -C, from its heading to its total. */
  #summaryLine(text: string): boolean {
    if (text.startsWith("% time ") || text.startsWith("System call usage summary for "))
      this.#inSummary = true;
    else if (!this.#inSummary) return false;
    else if (!/^[ \d-][^(]*$/.test(text)) {
      this.#inSummary = false;
      return false;
    } else if (text.endsWith(" total")) this.#inSummary = false;
    this.#records.push({ kind: "note", line: this.#lines, text, note: "other" });
    return true;
  }

  /** `resumed` names the call that the line resumes, if it does. */
  #moment(prefix: Prefix, resumed?: string): Moment {
    return { tid: this.#tidOf(prefix, resumed), line: this.#lines, time: this.#timeOf(prefix) };
  }

  #tidOf({ tid, bracketed }: Prefix, resumed: string | undefined): number {
    if (tid === undefined) return this.#names.ofBare();
    if (!bracketed) return tid;
    const first = this.#open.get(this.#defaultTid)?.name;
    const resumesFirst = resumed !== undefined && resumed === first && !this.#open.has(tid);
    return this.#names.ofBracketed(tid, !resumesFirst && first !== undefined && FORKS.has(first));
  }

  #timeOf({ time, relative }: Prefix): number | undefined {
    if (time === undefined || !relative) return time;
    this.#elapsed += time;
    return this.#elapsed;
  }

  /** If a call of `tid` is open, it will never return. */
  #abandon(tid: number): void {
    const open = this.#open.get(tid);
    if (!open) return;
    this.#open.delete(tid);
    const end = {
      argText: open.text,
      line: this.#lines,
      result: { kind: "none" },
      duration: undefined,
    } as const;
    this.#records.push(new FinishedCall(open, end));
  }

  /** The rest of a call cannot be read: what is known of its beginning comes out as a call without a result. */
  #giveUpCall(open: OpenCall, { text, line }: Whole, why: string): void {
    this.#giveUp(text, line, why);
    this.#abandon(open.tid);
  }

  #giveUp(text: string, line: number, why: string): void {
    this.#unreadable++;
    this.#records.push({ kind: "unreadable", line, text: text.slice(0, SHOWN), why });
  }
}

type StackOwner = (StraceCall | StraceSignal | StraceExit) & { stack?: readonly StackFrame[] };

function mayOwnStack(record: StraceRecord): record is StackOwner {
  return record.kind === "call" || record.kind === "signal" || record.kind === "exit";
}

/** The parenthesis behind the name of a call that begins at `start`, or -1. */
function nameEnd(text: string, start: number): number {
  let i = start;
  while (isNameChar(text.charCodeAt(i))) i++;
  if (text.startsWith("????", start)) i = start + 4;
  return i > start && text.charCodeAt(i) === 40 ? i : -1;
}

const isNameChar = (c: number): boolean =>
  (c >= 97 && c <= 122) || c === 95 || (c >= 48 && c <= 57) || (c >= 65 && c <= 90);

/** What strace prints next on a line that the traced program's own output has broken. */
function goesOn(text: string): boolean {
  if (text.startsWith(")")) return resultStart(text, 0) >= 0;
  return text.startsWith(" => ") || text.startsWith(` ${UNFINISHED}`) || text.startsWith(" <detached ...>");
}
