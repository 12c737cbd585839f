/**
 * Somebody who asks for the way that an execution takes. In replay nobody does, so that whoever tells asks first
 * whether anyone listens: `trace?.check(…)`.
 */
export interface Trace {
  /** A function of the kernel that is gone into, by its name there. */
  enter(name: string): void;
  /** Something that had to hold for the call to go on, and held. What does not hold is a refusal's own reason. */
  check(what: string): void;
  /** What was decided where there was a choice. */
  choose(what: string): void;
}

/** An address from its page, as it is written. */
export const addressText = (page: number): string => `0x${(page * 4096).toString(16)}`;

/** The range of some pages. */
export const rangeText = (start: number, end: number): string =>
  `[${addressText(start)}, ${addressText(end)})`;

export const pagesText = (pages: number): string => (pages === 1 ? "1 page" : `${pages} pages`);
