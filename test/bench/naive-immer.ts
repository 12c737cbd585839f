import { createRequire } from "node:module";
import type { Request } from "@pagetrail/core";
import { executePlain } from "./plain-calls.ts";
import type { PlainMm } from "./plain-mm.ts";

type Produce = <S>(state: S, recipe: (draft: S) => void) => S;

/** The very immer that the core uses. */
const ofCore = createRequire(new URL("../../packages/core/package.json", import.meta.url));
const { produce } = ofCore("immer") as { readonly produce: Produce };

/** One call as one `produce` on a state whose VMAs are an array: history for nothing but the asking. */
export const executeNaively = (mm: PlainMm, request: Request): PlainMm =>
  produce(mm, (draft) => {
    executePlain(draft, request);
  });
