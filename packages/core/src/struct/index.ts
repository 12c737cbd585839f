export type { DiffVisitor } from "./gap-diff.ts";
export type { Span } from "./gap-node.ts";
export { diffTrees, GapTree } from "./gap-tree.ts";
export { Table, type TableVisitor } from "./table.ts";
export { foldTree, type TreeNode, type Unshared, visitUnshared } from "./tree-nodes.ts";
export { type ChunkVisitor, WordTable } from "./word-table.ts";
