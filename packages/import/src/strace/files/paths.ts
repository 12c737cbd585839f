/** The absolute form of `path` as seen from directory `base`, by its text: links are not followed. */
export function joinPath(base: string, path: string): string {
  const whole = path.startsWith("/") || base === "" ? path : `${base}/${path}`;
  const rooted = whole.startsWith("/");
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (!rooted && (parts.length === 0 || parts.at(-1) === ".."))) parts.push(part);
    else parts.pop();
  }
  return `${rooted ? "/" : ""}${parts.join("/")}`;
}

export const isAbsolute = (path: string): boolean => path.startsWith("/");

/** Splits before the last name: `/usr/lib/x` is `/usr/lib` and `x`; undefined for the root and bare names. */
export function splitLast(path: string): { readonly parent: string; readonly name: string } | undefined {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  if (slash < 0 || name === "") return undefined;
  return { parent: slash === 0 ? "/" : path.slice(0, slash), name };
}

/** The descriptor that `/proc/self/fd/3` or `/dev/fd/3` names. Whose it is does not show: the caller's. */
export function descriptorPath(path: string): number | undefined {
  const fd = /^(?:\/proc\/(?:self|thread-self)|\/dev)\/fd\/(\d+)$/.exec(path)?.[1];
  return fd === undefined ? undefined : Number(fd);
}

/** Stands for the directory in which a relative path began, where the trace does not show it. */
const UNKNOWN_DIRECTORY = "/?";

/** What has no place in any directory: `anon_inode:[io_uring]`. */
const isNowhere = (path: string): boolean => path.startsWith("anon_inode:");

/** The path as maps would print it: absolute, in an unknown directory if need be. */
export const mapsPath = (path: string): string =>
  isAbsolute(path) || isNowhere(path) ? path : joinPath(UNKNOWN_DIRECTORY, path);
