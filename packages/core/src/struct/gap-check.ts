import { FEWEST_SLOTS, type GapNode, MOST_SLOTS, type Span } from "./gap-node.ts";

/** Lists whatever is wrong below `root`, which should hold `size` items. */
export function checkNodes<T extends Span>(root: GapNode<T>, size: number): string[] {
  const wrong: string[] = [];
  const items = checkNode(root, root, wrong);
  if (items.length !== size) wrong.push(`the tree holds ${items.length} items and says ${size}`);
  let end = -Infinity;
  for (const item of items) {
    if (item.start >= item.end) wrong.push(`item ${item.start}-${item.end} is empty`);
    if (item.start < end)
      wrong.push(`item ${item.start}-${item.end} overlaps its neighbour, which ends at ${end}`);
    end = item.end;
  }
  return wrong;
}

/** Checks one node and all below it, and returns the items it holds. */
function checkNode<T extends Span>(node: GapNode<T>, root: GapNode<T>, wrong: string[]): T[] {
  const count = node.slots.length;
  const name = `node of height ${node.height} at ${node.bounds[0]}`;
  const fewest = node !== root ? FEWEST_SLOTS : node.height > 0 ? 2 : 0;
  if (count < fewest || count > MOST_SLOTS) wrong.push(`${name} has ${count} slots`);
  if (node.bounds.length !== 2 * count)
    wrong.push(`${name} has ${node.bounds.length} bounds for ${count} slots`);
  if (node.gaps.length !== (node.height > 0 ? count : 0)) wrong.push(`${name} has ${node.gaps.length} gaps`);
  const items: T[] = [];
  for (let i = 0; i < count; i++) {
    const below = node.height > 0 ? checkChild(node, i, root, wrong) : [node.item(i)];
    const start = below[0]?.start;
    const end = below.at(-1)?.end;
    if (node.start(i) !== start || node.end(i) !== end) {
      wrong.push(`${name} says that slot ${i} is ${node.start(i)}-${node.end(i)}, and it is ${start}-${end}`);
    }
    for (const item of below) items.push(item);
  }
  return items;
}

function checkChild<T extends Span>(node: GapNode<T>, i: number, root: GapNode<T>, wrong: string[]): T[] {
  const child = node.child(i);
  if (child.height !== node.height - 1)
    wrong.push(`a node of height ${node.height} has one of ${child.height}`);
  const items = checkNode(child, root, wrong);
  let widest = 0;
  items.reduce((below, item) => {
    widest = Math.max(widest, item.start - below.end);
    return item;
  });
  if (node.gaps[i] !== widest)
    wrong.push(`the gap noted at ${node.start(i)} is ${node.gaps[i]}, not ${widest}`);
  return items;
}
