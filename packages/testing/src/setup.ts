import { expect } from "vitest";
import { matchers } from "./matchers.ts";
import { serializer } from "./serializer.ts";

export type { PagetrailMatchers } from "./matcher-types.ts";

/** Registers the matchers and the snapshot serializer with vitest: for `setupFiles`, or at the top of a test. */
expect.extend(matchers);
expect.addSnapshotSerializer(serializer);
