import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Event,
  encodeEvent,
  encodeProfile,
  hashText,
  initialState,
  isLive,
  type KernelState,
  type Pid,
  type Profile,
  replayEvents,
  StateDigest,
} from "@pagetrail/core";
import { FileLogWriter, sha256 } from "@pagetrail/store";
import { importCase } from "../recorded/import-case.ts";
import { loadCase, recordedDir } from "../recorded/truth.ts";
import { must } from "./must.ts";
import { type Shift, shifted } from "./tiling.ts";

export const MILLION = 1_000_000;

/** Programs of many kinds: compilers, shells, interpreters with threads and processes, databases, stress and test programs. */
const CASES = [
  "python-threads",
  "gcc-hello",
  "bash-pipeline",
  "perl-fork-storm",
  "python-mp-fork",
  "redis",
  "sqlite-mmap",
  "node-e",
  "git-work",
  "sort-big",
  "stressng-mmap",
  "stressng-mremap",
  "stressng-mprotect",
  "stressng-brk",
  "ltp-fork07",
  "java17-version",
] as const;

/** Copies that run at the same time, each in its turn. */
const ABREAST = 8;
const LINES_APART = 1_000_000;
const PIDS_FROM = 1000;
const SEGMENT = 1024;

/** A recording that can be copied: when its events are over none of its processes is left. */
interface Tile {
  readonly events: readonly Event[];
  /** Each pid's place among those of the recording. */
  readonly pids: ReadonlyMap<number, number>;
  readonly files: number;
  readonly segments: number;
}

/** A copy that is under way. */
interface Copy {
  readonly tile: Tile;
  readonly shift: Shift;
  next: number;
}

/** A log of a million real events, made by tiling recordings of programs that run beside one another. */
export class Million {
  readonly profile: Profile;
  readonly #tiles: readonly Tile[];

  constructor(readonly count = MILLION) {
    const imported = CASES.map((name) => importCase(loadCase(join(recordedDir, name)), { laws: false }));
    const [first] = imported;
    if (!first) throw new Error("there are no recordings");
    this.profile = first.profile;
    this.#tiles = imported.map(({ profile, events }) => tileOf(profile, events));
  }

  /** The events in their order; the same for the same recordings. */
  *events(): Generator<Event> {
    const next = { pid: PIDS_FROM, file: 0, segment: 0, copy: 0 };
    const begin = (): Copy => {
      const tile = this.#tiles[next.copy % this.#tiles.length] as Tile;
      const { pid: base, file, segment: shm, copy } = next;
      next.pid += tile.pids.size;
      next.file += tile.files;
      next.segment += tile.segments;
      next.copy += 1;
      const pid = (of: number): Pid => (base + (tile.pids.get(of) ?? 0)) as Pid;
      return { tile, shift: { pid, file, shm, line: copy * LINES_APART, time: copy }, next: 0 };
    };
    const running = Array.from({ length: ABREAST }, begin);
    for (let seq = 1; seq <= this.count; seq++) {
      const turn = seq % ABREAST;
      let copy = running[turn] as Copy;
      if (copy.next === copy.tile.events.length) copy = running[turn] = begin();
      yield shifted(copy.tile.events[copy.next++] as Event, seq, copy.shift);
    }
  }

  /** The events, with the state behind each segment of a log; what replays otherwise than recorded is an error. */
  *segments(): Generator<{ readonly events: readonly Event[]; readonly state: KernelState }> {
    let state = initialState(this.profile);
    let events: Event[] = [];
    for (const event of this.events()) {
      events.push(event);
      if (events.length < SEGMENT && event.seq < this.count) continue;
      const replayed = replayEvents(state, events);
      if (replayed.differs) {
        const { event: where, predicted } = replayed.differs;
        throw new Error(`${JSON.stringify(encodeEvent(where))} replays as ${JSON.stringify(predicted)}`);
      }
      state = replayed.state;
      yield { events, state };
      events = [];
    }
  }
}

function tileOf(profile: Profile, recorded: readonly Event[]): Tile {
  const { state, differs } = replayEvents(initialState(profile), recorded);
  if (differs) throw new Error(`event ${differs.event.seq} replays otherwise`);
  const events = [...recorded, ...endings(state, recorded.length)];
  const pids = new Map<number, number>();
  let [files, segments] = [0, 0];
  const meet = (pid: number): void => {
    if (!pids.has(pid)) pids.set(pid, pids.size);
  };
  for (const { tid, request: r } of events) {
    meet(tid);
    if (r.call === "adopt") meet(r.tgid);
    if (r.call === "clone" && r.child !== 0) meet(r.child);
    if (r.call === "file") files = Math.max(files, r.file.id + 1);
    if (r.call === "shmget") segments = Math.max(segments, r.shm + 1);
  }
  return { events, pids, files, segments };
}

/** What ends the processes that a recording leaves alive, so that copies do not pile up. */
function endings({ groups, tasks }: KernelState, behind: number): readonly Event[] {
  const left = [...groups.values()].filter(({ live }) => live > 0);
  return left.flatMap(({ tgid }, i): readonly Event[] => {
    const task = [...tasks.values()].find((one) => one.tgid === tgid && isLive(one));
    if (!task) return [];
    const request = { call: "kill", signal: "SIGKILL" } as const;
    return [{ seq: behind + i + 1, tid: task.pid, request, outcome: { gone: "SIGKILL" } }];
  });
}

/** What the log depends on: this code, and the recordings. */
function fingerprint(count: number): string {
  const hash = createHash("sha256").update(String(count));
  const files = ["million.ts", "tiling.ts"].map((name) => new URL(name, import.meta.url).pathname);
  for (const file of files) hash.update(readFileSync(file));
  for (const name of CASES) {
    const { strace } = loadCase(join(recordedDir, name));
    hash.update(strace);
  }
  return hash.digest("hex").slice(0, 16);
}

/** The file of a log of `count` such events, made where it is not there yet, outside the repository. */
export function millionLog(count = MILLION): string {
  const folder = join(tmpdir(), "pagetrail-bench");
  const path = join(folder, `tiled-${count}-${fingerprint(count)}.ptlog`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const million = new Million(count);
  const digest = new StateDigest((text) => hashText(sha256, text));
  const header = { producer: "bench", profile: encodeProfile(million.profile), source: { format: "tiled" } };
  const writer = must(FileLogWriter.create(path, header, { overwrite: true, sync: "end" }));
  let last = initialState(million.profile);
  for (const { events, state } of million.segments()) {
    if (writer.due()) must(writer.seal(digest.of(last)));
    for (const event of events) must(writer.event(encodeEvent(event)));
    last = state;
  }
  must(writer.finish(digest.of(last)));
  return path;
}
