/** An incremental hash over UTF-8 text; the digest is lower-case hex. A log is sealed with SHA-256. */
export interface Hasher {
  update(text: string): void;
  digest(): string;
}

/** Starts a new hash; the application brings one, because the core has no outside. */
export type HasherFactory = () => Hasher;

export function hashText(hash: HasherFactory, ...parts: readonly string[]): string {
  const hasher = hash();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}
