export {
  type AccessSignal,
  access,
  type Mmu,
  type OutOfMemory,
  translationAt,
  wouldFault,
} from "./access.ts";
export { frameBehind, noteWritten, readBytes, writeBytes } from "./contents.ts";
export type { AccessKind } from "./fault.ts";
export { handleMmFault } from "./handle-mm-fault.ts";
export { FAULTS } from "./populate.ts";
export { VDSO_IMAGE } from "./special.ts";
