import { createHash } from "node:crypto";
import type { HasherFactory } from "@pagetrail/core";

/** The hash that every log is sealed with. */
export const sha256: HasherFactory = () => {
  const hash = createHash("sha256");
  return {
    update(text) {
      hash.update(text, "utf8");
    },
    digest: () => hash.digest("hex"),
  };
};
