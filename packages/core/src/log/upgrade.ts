import { assert } from "../base/assert.ts";
import type { LogObject } from "./line.ts";

/** The format that this program writes, and the newest that it reads. */
export const LOG_VERSION = 1;

/**
 * Lifts a log from one version to a newer one, knowing just these two shapes.
 *
 * An event keeps its `seq`. Seals are checked on the old bytes, before anything is lifted.
 */
export type LogUpgrade = {
  readonly from: number;
  readonly to: number;
  readonly header: (old: LogObject) => LogObject;
  readonly event: (old: LogObject) => LogObject;
};

/** The upgraders of every version that was ever released; there is only one version so far. */
export const LOG_UPGRADES: readonly LogUpgrade[] = [];

/** The upgraders that lead from `version` to this program's, or undefined when there is no way. */
export function upgradePath(
  version: number,
  upgrades: readonly LogUpgrade[],
): readonly LogUpgrade[] | undefined {
  const path: LogUpgrade[] = [];
  let reached = version;
  while (reached < LOG_VERSION) {
    const next = upgrades.find((upgrade) => upgrade.from === reached);
    if (next === undefined) return undefined;
    assert(next.to > next.from, `an upgrader leads from ${next.from} to ${next.to}`);
    path.push(next);
    reached = next.to;
  }
  return reached === LOG_VERSION ? path : undefined;
}

/** The oldest version from which the upgraders lead to this program's. */
export function oldestVersion(upgrades: readonly LogUpgrade[]): number {
  const readable = upgrades.filter((upgrade) => upgradePath(upgrade.from, upgrades) !== undefined);
  return Math.min(LOG_VERSION, ...readable.map((upgrade) => upgrade.from));
}

export function upgradeHeader(header: LogObject, path: readonly LogUpgrade[]): LogObject {
  return path.reduce((lifted, upgrade) => upgrade.header(lifted), header);
}

export function upgradeEvent(event: LogObject, path: readonly LogUpgrade[]): LogObject {
  return path.reduce((lifted, upgrade) => upgrade.event(lifted), event);
}
