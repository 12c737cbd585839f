import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { SystemFiles } from "@pagetrail/import";

/** The files of a recording's machine, as far as `root` holds them; no other file is looked at. */
export function sysrootFiles(root: string): SystemFiles {
  // Without a slash at its end, also where it is the machine's own.
  const realRoot = realpathSync(root).replace(/\/$/, "");
  return {
    realpath(path) {
      try {
        const real = realpathSync(join(realRoot, path));
        return real.startsWith(`${realRoot}/`) ? real.slice(realRoot.length) : undefined;
      } catch {
        return undefined;
      }
    },
    read(path, offset, length) {
      try {
        const fd = openSync(join(realRoot, path), "r");
        try {
          const bytes = new Uint8Array(length);
          return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
        } finally {
          closeSync(fd);
        }
      } catch {
        return undefined;
      }
    },
  };
}
