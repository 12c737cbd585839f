import type { MmId } from "@pagetrail/core";
import { EventText } from "../text/event-text.ts";
import { PLAIN } from "../text/style.ts";
import type { Happening, Mapping, Space } from "./history.ts";
import type { Lived, SpacePicture } from "./picture.ts";

interface Growing {
  readonly space: Space;
  readonly mappings: Lived[];
  readonly marks: { readonly seq: number; readonly text: string }[];
  until: number | undefined;
}

/** Gathers what the pictures of address spaces show. */
export class Pictures {
  readonly #spaces = new Map<MmId, Growing>();
  readonly #open = new Map<number, Mapping>();
  readonly #text = new EventText(PLAIN);

  begin({ changed, mapped }: Pick<Happening, "changed" | "mapped">): void {
    for (const { space } of changed) this.#of(space);
    for (const mapping of mapped) this.#open.set(mapping.id, mapping);
  }

  happening({ event, after, changed, mapped, unmapped }: Happening): void {
    this.#text.learn(event);
    for (const mapping of unmapped) {
      this.#open.delete(mapping.id);
      this.#of(mapping.space).mappings.push({ ...mapping, until: event.seq });
    }
    for (const mapping of mapped) this.#open.set(mapping.id, mapping);
    for (const { space, mm } of changed) this.#of(space).until = mm ? undefined : event.seq;
    if ("ret" in event.outcome || "gone" in event.outcome) return;
    const own = this.#spaces.get(after.tasks.get(event.tid)?.mm ?? changed[0]?.space.id ?? (0 as MmId));
    own?.marks.push({ seq: event.seq, text: `event ${event.seq}: ${this.#text.body(event)}` });
  }

  /** @param end the event behind the last */
  *all(end: number): Iterable<SpacePicture> {
    for (const mapping of this.#open.values())
      this.#of(mapping.space).mappings.push({ ...mapping, until: undefined });
    for (const { space, mappings, marks, until } of this.#spaces.values()) {
      if (mappings.length === 0) continue;
      const to = Math.max(until ?? end, space.since + 1);
      yield { space, mappings: mappings.sort((a, b) => a.id - b.id), marks, from: space.since, to };
    }
  }

  #of(space: Space): Growing {
    const known = this.#spaces.get(space.id);
    if (known) return known;
    const growing: Growing = { space, mappings: [], marks: [], until: undefined };
    this.#spaces.set(space.id, growing);
    return growing;
  }
}
