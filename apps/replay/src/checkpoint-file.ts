import { deflateRawSync, inflateRawSync } from "node:zlib";
import {
  decodeHeader,
  decodeProfile,
  decodeState,
  encodeState,
  hashText,
  initialState,
  type KernelState,
  type Seal,
  STATE_VERSION,
  Timeline,
} from "@pagetrail/core";
import { type Place, SegmentFile, Sidecar, sha256, writeSidecar } from "@pagetrail/store";
import { readBookmarks } from "./bookmarks.ts";
import { FileEvents } from "./file-events.ts";
import type { LoadedLog } from "./open-log.ts";
import type { ProcessLife } from "./process-list.ts";
import { newDigest } from "./replayer.ts";
import { version } from "./version.ts";

/** The spelling of the file; the states in it have their own. */
const VERSION = 1000 + STATE_VERSION;

/** States are put into the file when one was asked for that is so many events behind the last in it. */
export const KEPT_FROM = 8192;

/** States of one log, spread evenly, as long as they take no more than so many bytes. */
const MOST_STATES = 32;
/** A state at a seal is made from a kept one at most so many events before it. */
const REACH = 2048;
const MOST_BYTES = 64 * 2 ** 20;

/** The first block: what there is to know of the log without reading it. */
interface Directory {
  /** The program that worked the states out: another one may come to others. */
  readonly program: string;
  readonly size: number;
  readonly header: string;
  readonly places: readonly Place[];
  readonly seals: readonly Seal[];
  /** The seals whose states are in the blocks behind the second, by their place among the seals. */
  readonly states: readonly number[];
}

const pack = (text: string): Uint8Array => deflateRawSync(text, { level: 1 });
const unpack = (bytes: Uint8Array): string => inflateRawSync(bytes).toString();

/**
 * A log with what is kept beside it, without reading more than that and its last segment; undefined where nothing is
 * kept, or not of the log as it is now.
 */
export function openKept(path: string, budget: number | undefined): LoadedLog | undefined {
  const sidecar = Sidecar.open(path, "checkpoints", VERSION);
  if (!sidecar) return undefined;
  const file = SegmentFile.open(path);
  const kept = file && openDirectory(path, sidecar, file, budget);
  if (!kept) {
    sidecar.close();
    file?.close();
  }
  return kept;
}

function openDirectory(
  path: string,
  sidecar: Sidecar,
  file: SegmentFile,
  budget: number | undefined,
): LoadedLog | undefined {
  const block = sidecar.read(0);
  if (!block) return undefined;
  const directory = JSON.parse(unpack(block)) as Directory;
  const { program, size, header: headerText, places, seals, states } = directory;
  const [seal, place] = [seals.at(-1), places[0]];
  if (program !== version() || size !== file.size || !seal || !place) return undefined;
  if (seal.sha256 !== sidecar.head.log || seal.seq !== sidecar.head.seq) return undefined;
  if (Buffer.from(file.read(place) ?? []).toString() !== headerText) return undefined;
  const events = new FileEvents(path, file, places.slice(1), seals, hashText(sha256, headerText));
  if (!events.readSegment(seals.length - 1)) return undefined;
  const header = decodeHeader(headerText.trimEnd());
  const profile = header.ok ? decodeProfile(header.value.header.profile) : undefined;
  if (!header.ok || !profile?.ok) return undefined;
  const digest = newDigest();
  const stored = (seq: number): KernelState | undefined => {
    const n = states.findLastIndex((at) => (seals[at]?.seq ?? Number.POSITIVE_INFINITY) <= seq);
    const [bytes, sealed] = [n < 0 ? undefined : sidecar.read(n + 2), seals[states[n] ?? -1]];
    const state = bytes && sealed && decodeState(unpack(bytes), profile.value);
    return state && digest.like(sealed.state, state) === sealed.state ? state : undefined;
  };
  const lives = (): readonly ProcessLife[] | undefined => {
    const bytes = sidecar.read(1);
    return bytes && (JSON.parse(unpack(bytes)) as readonly ProcessLife[]);
  };
  const log: LoadedLog = {
    name: path,
    header: header.value.header,
    version: header.value.version,
    hash: hashText(sha256, headerText),
    profile: profile.value,
    timeline: new Timeline(initialState(profile.value), events, { budget, stored }),
    seals,
    finished: seal.end,
    lives,
    kept: states.map((at) => seals[at]?.seq ?? 0),
  };
  return { ...log, bookmarks: () => readBookmarks(log) };
}

/**
 * Keeps states of a log beside it, as far as it has been executed. Nothing is kept of a log that has events behind its
 * last seal, that comes from standard input, or whose seals tell of other states.
 */
export function keepStates(log: LoadedLog, lives: readonly ProcessLife[]): void {
  const { name: path, seals, timeline } = log;
  const seal = seals.at(-1);
  const file = path === "standard input" ? undefined : SegmentFile.open(path);
  if (!file) return;
  const places = file.places();
  const { size } = file;
  const header = places?.[0] && file.read(places[0]);
  file.close();
  const whole = places?.at(-1);
  if (!seal || !header || !whole || seal.seq !== timeline.last || places.length !== seals.length + 1) return;
  if (whole.from + whole.bytes !== size) return;
  const spread = spreadStates(log);
  if (!spread) return;
  const directory: Directory = {
    program: version(),
    size,
    header: Buffer.from(header).toString(),
    places,
    seals,
    states: spread.map(({ at }) => at),
  };
  const texts = [directory, lives].map((content) => pack(JSON.stringify(content)));
  const head = { kind: "checkpoints", version: VERSION, log: seal.sha256, seq: seal.seq } as const;
  writeSidecar(path, head, [...texts, ...spread.map(({ bytes }) => bytes)]);
}

interface Spread {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Packed states at seals, as even as those that are kept allow; undefined where one is not as it was sealed. */
function spreadStates({ seals, timeline, kept: stored = [] }: LoadedLog): readonly Spread[] | undefined {
  const reached = seals.findLastIndex(({ seq }) => seq <= timeline.executed);
  const kept = [...timeline.checkpoints.seqs(), ...stored].sort((a, b) => a - b);
  const digest = newDigest();
  const spread: Spread[] = [];
  const states = Math.min(MOST_STATES, reached + 1);
  let bytes = 0;
  for (let n = states; n > 0 && bytes < MOST_BYTES; n--) {
    const at = Math.ceil((n * (reached + 1)) / states) - 1;
    const { seq, state: sealed } = seals[at] as Seal;
    const from = kept.findLast((one) => one <= seq) ?? 0;
    if (seq - from > REACH) continue;
    const state = timeline.stateAt(seq);
    if (digest.like(sealed, state) !== sealed) return undefined;
    const packed = pack(encodeState(state));
    spread.unshift({ at, bytes: packed });
    bytes += packed.length;
  }
  return spread.length === 0 ? undefined : spread;
}
