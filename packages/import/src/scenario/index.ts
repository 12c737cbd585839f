export type { FaultCount } from "./awaited.ts";
export { outcomeWords } from "./awaited.ts";
export { execOf } from "./built-in-program.ts";
export type { ScenarioProblem } from "./cursor.ts";
export { readScenario } from "./reader.ts";
export { type Failure, type Happening, runScenario } from "./run.ts";
export type { Scenario } from "./statement.ts";
export { writeScenario } from "./write.ts";
