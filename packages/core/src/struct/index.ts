export type { DiffVisitor } from "./gap-diff.ts";
export type { Span } from "./gap-node.ts";
export { diffTrees, GapTree } from "./gap-tree.ts";
export { Table, type TableVisitor } from "./table.ts";
export { type ChunkVisitor, WordTable } from "./word-table.ts";
