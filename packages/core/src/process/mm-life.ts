import { createMachine } from "xstate";
import type { MmLife } from "../mm/index.ts";
import { compileChart } from "./chart.ts";

/**
 * The life of an address space. While its mappings are taken down the users' single reference is still held,
 * although there are no users; behind that only borrowers and pins keep the descriptor.
 */
export const mmChart = createMachine({
  id: "mm",
  initial: "allocated",
  states: {
    allocated: { on: { publish: "in use" } },
    "in use": { on: { lastUser: "torn down" } },
    "torn down": { on: { usersReference: "borrowed" } },
    borrowed: { on: { lastReference: "freed" } },
    freed: { type: "final" },
  },
});

export type MmSignal = "publish" | "lastUser" | "usersReference" | "lastReference";

export const mmLife = compileChart<MmLife, MmSignal>(mmChart);
