/** A law that does not hold, and where. */
export interface Violation {
  readonly law: string;
  readonly where: string;
  readonly what: string;
}
