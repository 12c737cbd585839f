import { declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";

/**
 * Leaves out what an assertion says when it does not hold: only a mistake of ours makes it be said, and no request
 * brings one about. What it asks is mutated like everything else.
 */
export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, "assert-messages", {
    shouldIgnore: ({ node, parent, key, listKey }) =>
      listKey === "arguments" && key === 1 && parent?.callee?.name === "assert" && node
        ? "what an assertion says"
        : undefined,
  }),
];
