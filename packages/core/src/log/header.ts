import { fail, ok, type Result } from "../base/result.ts";
import { isCount, isObject, type LogObject, parseObject, toLine } from "./line.ts";
import type { LogRefusal } from "./refusal.ts";
import {
  LOG_UPGRADES,
  LOG_VERSION,
  type LogUpgrade,
  oldestVersion,
  upgradeHeader,
  upgradePath,
} from "./upgrade.ts";

/** The event of another log behind which a branch begins, and the seal or header hash there. */
export type LogParent = { readonly log: string; readonly seq: number; readonly hash: string };

/** What the first line of a log says. */
export type LogHeader = {
  /** The program that wrote the log, and its version. */
  readonly producer: string;
  /** Architecture, kernel release, limits, CPUs, memory. */
  readonly profile: LogObject;
  /** What the log was made from. */
  readonly source: LogObject;
  readonly parent?: LogParent;
};

/** A header as it was found: its meaning, the version it was written in, and how to lift its events. */
export type DecodedHeader = {
  readonly header: LogHeader;
  readonly version: number;
  readonly upgrades: readonly LogUpgrade[];
};

const MAGIC = '{"pagetrail":';

/** The header's line, newline included. */
export function encodeHeader({ producer, profile, source, parent }: LogHeader): string {
  const shared = { pagetrail: LOG_VERSION, producer, profile, source };
  return toLine(
    parent === undefined
      ? shared
      : { ...shared, parent: { log: parent.log, seq: parent.seq, hash: parent.hash } },
  );
}

/** The seq of the event before a log's first: 0, or where a branch left its parent. */
export function seqBefore(header: LogHeader): number {
  return header.parent?.seq ?? 0;
}

/**
 * Reads a header's line, with or without its newline.
 * Refuses what is no log, and versions to which no upgrader leads.
 */
export function decodeHeader(
  line: string,
  upgrades: readonly LogUpgrade[] = LOG_UPGRADES,
): Result<DecodedHeader, LogRefusal> {
  if (!line.startsWith(MAGIC)) {
    return notALog(
      line === "" ? "it is empty" : `its first line does not begin with ${MAGIC}`,
      "give a .ptlog file, or import the recording first",
    );
  }
  const written = parseObject(line);
  if (written === undefined) return damagedHeader("the header is not JSON");
  const version = written.pagetrail;
  if (!isCount(version)) return damagedHeader("the header's version is not a number");
  const path = upgradePath(version, upgrades);
  if (path === undefined) return unknownVersion(version, upgrades);
  const header = readHeader(upgradeHeader(written, path));
  if (header === undefined) return damagedHeader("the header lacks a member, or one has the wrong shape");
  return ok({ header, version, upgrades: path });
}

function readHeader({ producer, profile, source, parent }: LogObject): LogHeader | undefined {
  if (typeof producer !== "string" || !isObject(profile) || !isObject(source)) return undefined;
  if (parent === undefined) return { producer, profile, source };
  if (!isObject(parent)) return undefined;
  const { log, seq, hash } = parent;
  if (typeof log !== "string" || !isCount(seq) || typeof hash !== "string") return undefined;
  return { producer, profile, source, parent: { log, seq, hash } };
}

function notALog(why: string, advice: string): Result<never, LogRefusal> {
  return fail({
    fault: "not-a-log",
    what: `this is not a Pagetrail log: ${why}`,
    where: { line: 1 },
    advice,
  });
}

function damagedHeader(what: string): Result<never, LogRefusal> {
  const advice = "restore the log from a copy, or import the recording again";
  return fail({ fault: "damaged", what, where: { line: 1 }, advice });
}

function unknownVersion(version: number, upgrades: readonly LogUpgrade[]): Result<never, LogRefusal> {
  const oldest = oldestVersion(upgrades);
  const readable = oldest === LOG_VERSION ? `version ${LOG_VERSION}` : `versions ${oldest} to ${LOG_VERSION}`;
  return fail({
    fault: "unknown-version",
    what: `the log has version ${version}; this program reads ${readable}`,
    where: { line: 1 },
    advice: version > LOG_VERSION ? "read it with a newer pagetrail" : "import the recording again",
  });
}
