/**
 * Gives vitest the matchers and the snapshot serializer: for `setupFiles`, or imported by a test.
 *
 * @module @pagetrail/testing/setup
 */

import { expect } from "vitest";
import { toDivergeAt, toHaveMapping, toMatchMaps, toReplay, toSatisfyLaws } from "./matchers.ts";
import { serializer } from "./serializer.ts";

export type { PagetrailMatchers } from "./matcher-types.ts";

expect.extend({ toHaveMapping, toMatchMaps, toReplay, toSatisfyLaws, toDivergeAt });
expect.addSnapshotSerializer(serializer);
