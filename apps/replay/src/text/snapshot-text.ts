import { hex, PAGE_SIZE, permissions, type Vma } from "@pagetrail/core";
import type { Shown, SnapshotDiff } from "../snapshot.ts";
import { changeLines, sideAfter, sideBefore } from "./diff-text.ts";
import { kilobytes, pagesSize } from "./numbers.ts";
import type { Style } from "./style.ts";

/** The line of maps; normalised, with the place in its region instead of the addresses. */
function lineOf({ line, place, vma }: Shown): string {
  if (place === undefined) return line;
  return `${place} (${pagesSize(vma.pages)})${line.slice(line.indexOf(" "))}`;
}

/** Changes of mappings with a gutter, then sizes that are others now. */
export function* snapshotLines({ changes, shown, sizes }: SnapshotDiff, style: Style): Generator<string> {
  const line = (vma: Vma): string => {
    const mapping = shown.get(vma);
    return mapping ? lineOf(mapping) : "";
  };
  yield* changeLines(changes, style, line, line);
  for (const { vma, changes: fields } of sizes) {
    yield style.changed(`~ sizes of ${line(vma)}`);
    for (const { name, before = 0, after = 0 } of fields) yield `    ${name}: ${before} kB to ${after} kB`;
  }
}

/** The same as members of a JSON document. */
export function snapshotJson({ changes, shown, sizes }: SnapshotDiff): Readonly<Record<string, unknown>> {
  const json = (vma: Vma) => {
    const mapping = shown.get(vma);
    return mapping ? shownJson(mapping) : null;
  };
  return {
    changes: changes.map((change) => ({
      kind: change.kind,
      before: sideBefore(change).map(json),
      after: sideAfter(change).map(json),
    })),
    sizes: sizes.map(({ vma, changes: fields }) => ({
      ...json(vma),
      kb: Object.fromEntries(fields.map(({ name, before = 0, after = 0 }) => [name, [before, after]])),
    })),
  };
}

const shownJson = ({ vma, name, place }: Shown) => ({
  start: hex(vma.start * PAGE_SIZE),
  end: hex(vma.end * PAGE_SIZE),
  ...(place === undefined ? {} : { place }),
  permissions: permissions(vma),
  offset: vma.file === 0 ? "0x0" : hex(vma.pgoff * PAGE_SIZE),
  name,
  kb: kilobytes(vma.pages),
});
