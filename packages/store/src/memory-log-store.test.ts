import { describeLogStore } from "./contract.ts";
import { MemoryLogStore } from "./memory-log-store.ts";

describeLogStore("a store in memory", () => {
  const store = new MemoryLogStore();
  return {
    store,
    text: (name) => store.texts.get(name) ?? "",
    setText: (name, text) => store.texts.set(name, text),
  };
});
