import type { Scene } from "./scene.ts";

/** Looks whether something is so, and says what is otherwise; undefined when nothing is. */
export type Fact = (scene: Scene) => string | undefined;

export const otherwise = (wanted: string, found: string): string => `expected ${wanted}, found ${found}`;
