import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeEvent,
  decodeProfile,
  type Event,
  encodeEvent,
  encodeProfile,
  explainRefusal,
  hashText,
  type Profile,
  type Result,
  type Seal,
  StateDigest,
} from "@pagetrail/core";
import { FileLogWriter, readLog, type StoreRefusal, sha256 } from "@pagetrail/store";
import { momentsOf, type Run } from "./run.ts";

/** A digest of states as seals have it. */
export const newDigest = (): StateDigest => new StateDigest((text) => hashText(sha256, text));

/** What a log is made from, as its header tells: `kind` is "test" unless another is given. */
export type Source = Readonly<Record<string, unknown>>;

/**
 * Writes a run into a log, sealed with the states that it leads to, and gives the path. What stands there is replaced.
 *
 * @param path ends in `.ptlog`, or in `.ptlog.gz` for one that is packed
 */
export function writeRun(path: string, run: Run, source: Source = { kind: "test" }): string {
  const header = { producer: producer(), profile: encodeProfile(run.profile), source };
  const writer = granted(FileLogWriter.create(path, header, { overwrite: true }));
  const digest = newDigest();
  let sealed = "";
  try {
    for (const { event, after } of momentsOf(run)) {
      granted(writer.event(encodeEvent(event)));
      sealed = digest.of(after);
      if (writer.due()) granted(writer.seal(sealed));
    }
    granted(writer.finish(sealed));
  } finally {
    writer.abort();
  }
  return path;
}

/**
 * Reads a log of which every seal is as it was written. Throws where it is none, is damaged, or is a branch of
 * another.
 */
export function readRun(path: string): Run & { readonly seals: readonly Seal[] } {
  const events: Event[] = [];
  const seals: Seal[] = [];
  let profile: Profile | undefined;
  for (const item of readLog(path)) {
    if (item.kind === "refused") throw new Error(explainRefusal(item.refusal));
    if (item.kind === "header") {
      if (item.header.parent) throw new Error(`${path} is a branch of ${item.header.parent.log}`);
      profile = understood(path, decodeProfile(item.header.profile));
    }
    if (item.kind === "event") events.push(understood(path, decodeEvent(item.event)));
    if (item.kind === "seal") seals.push(item.seal);
  }
  if (!profile) throw new Error(`${path} holds no log`);
  return { profile, events, seals };
}

/** Where failing runs go, and under which name. */
export interface FailingRunPlace {
  /** Becomes a file's name: what is neither letter nor digit is written `-`. */
  readonly name?: string;
  /** Made if it is not there; `pagetrail-failures` below the working directory unless told otherwise. */
  readonly folder?: string;
}

/** Saves what led to a failure as a log, which `pagetrail` opens, and gives its path. An earlier one is replaced. */
export function saveFailingRun(run: Run, place: FailingRunPlace = {}): string {
  const { name = "failing run", folder = "pagetrail-failures" } = place;
  mkdirSync(folder, { recursive: true });
  const file = name.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "");
  return writeRun(join(folder, `${file || "failing-run"}.ptlog`), run, { kind: "test", name });
}

function granted<T>(result: Result<T, StoreRefusal>): T {
  if (!result.ok) throw new Error(explainRefusal(result.error));
  return result.value;
}

function understood<T>(path: string, result: Result<T, string>): T {
  if (!result.ok) throw new Error(`${path}: ${result.error}`);
  return result.value;
}

/** As headers of logs name the program that made them. */
function producer(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const known = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return `@pagetrail/testing ${known ? manifest.version : "unknown"}`;
}
