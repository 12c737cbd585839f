import { type FileId, fileId, type OpenFile } from "@pagetrail/core";
import { mapsPath, type NameChange } from "./files/index.ts";

/** Page caches that files opened under one name share are called by numbers from here on. */
const NAMED_CACHES = 2 ** 29;

interface Known {
  readonly cache: FileId;
  readonly inode: number | undefined;
}

/** Page caches by the names of their files, as far as the recording shows which name is which file. */
export class NamedCaches {
  readonly #known = new Map<string, Known>();
  #next = NAMED_CACHES;

  /** The page cache of what a path names now; another inode than before has another. */
  of({ path, inode }: Pick<OpenFile, "path" | "inode">): FileId {
    const known = this.#known.get(path);
    if (known && (inode === undefined || known.inode === undefined || known.inode === inode)) {
      if (inode !== known.inode && inode !== undefined) this.#known.set(path, { ...known, inode });
      return known.cache;
    }
    const cache = fileId(this.#next++);
    this.#known.set(path, { cache, inode });
    return cache;
  }

  follow(change: NameChange): void {
    if (change.kind === "unlinked") this.#put(change.path, undefined);
    else {
      const [from, to] = change.kind === "renamed" ? [change.from, change.to] : [change.a, change.b];
      const [moved, other] = [this.#known.get(mapsPath(from)), this.#known.get(mapsPath(to))];
      this.#put(to, moved);
      this.#put(from, change.kind === "renamed" ? undefined : other);
    }
  }

  #put(path: string, known: Known | undefined): void {
    if (known) this.#known.set(mapsPath(path), known);
    else this.#known.delete(mapsPath(path));
  }
}
