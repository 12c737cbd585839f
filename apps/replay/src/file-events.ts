import { decodeEvent, decodeSeal, type Event, type EventSource, makeSeal, type Seal } from "@pagetrail/core";
import { type Place, type SegmentFile, sha256 } from "@pagetrail/store";
import { ProblemError } from "./problem.ts";

/** Segments that are held once they were read: about a hundred thousand events. */
const HELD = 96;

/** A log's events, of which segments are read when they are asked for, each against its seal. */
export class FileEvents implements EventSource {
  readonly #held = new Map<number, readonly Event[]>();
  readonly first = 0;

  /**
   * @param segments where each segment stands, as many as there are seals
   * @param headerHash what the first seal's hash begins with
   */
  constructor(
    private readonly name: string,
    private readonly file: SegmentFile,
    private readonly segments: readonly Place[],
    private readonly seals: readonly Seal[],
    private readonly headerHash: string,
  ) {}

  get last(): number {
    return this.seals.at(-1)?.seq ?? 0;
  }

  between(from: number, to: number): readonly Event[] {
    const parts: (readonly Event[])[] = [];
    for (let at = from; at < to; ) {
      const n = this.#segmentOf(at + 1);
      const seal = this.seals[n] as Seal;
      const begin = seal.seq - seal.events;
      const events = this.#segment(n);
      parts.push(events.slice(at - begin, Math.min(to, seal.seq) - begin));
      at = seal.seq;
    }
    return parts.length === 1 ? (parts[0] as readonly Event[]) : parts.flat();
  }

  /** The segment that holds an event; some hold none. */
  #segmentOf(seq: number): number {
    let [low, high] = [0, this.seals.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.seals[middle] as Seal).seq >= seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #segment(n: number): readonly Event[] {
    const held = this.#held.get(n);
    if (held) {
      this.#held.delete(n);
      this.#held.set(n, held);
      return held;
    }
    const events = this.readSegment(n);
    if (!events) {
      const what = `segment ${n + 1} of the log is not what its seal says`;
      throw new ProblemError({ what, where: this.name, advice: "see pagetrail verify" });
    }
    this.#held.set(n, events);
    if (this.#held.size > HELD) this.#held.delete(this.#held.keys().next().value as number);
    return events;
  }

  /** A segment's events; undefined when its bytes are not those that were sealed. */
  readSegment(n: number): readonly Event[] | undefined {
    const [place, seal] = [this.segments[n], this.seals[n]];
    const bytes = place && this.file.read(place);
    if (!bytes || !seal) return undefined;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
    const end = text.lastIndexOf("\n", text.length - 2) + 1;
    const lines = text.slice(0, end);
    const { sha256: hash, ...claim } = seal;
    const previous = this.seals[n - 1]?.sha256 ?? this.headerHash;
    if (decodeSeal(text.slice(end, -1))?.sha256 !== hash) return undefined;
    if (makeSeal({ previous, lines, claim }, sha256).sha256 !== hash) return undefined;
    const events: Event[] = [];
    for (const line of lines.split("\n", claim.events)) {
      const event = decodeEvent(JSON.parse(line));
      if (!event.ok) return undefined;
      events.push(event.value);
    }
    return events;
  }
}
