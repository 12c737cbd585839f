import type { Request } from "@pagetrail/core";
import { produce } from "immer";
import { executePlain } from "./plain-calls.ts";
import type { PlainMm } from "./plain-mm.ts";

/** One call as one `produce` on a state whose VMAs are an array: history for nothing but the asking. */
export const executeNaively = (mm: PlainMm, request: Request): PlainMm =>
  produce(mm, (draft) => {
    executePlain(draft as PlainMm, request);
  });
