import { MemoryLogStore } from "./memory-log-store.ts";
import { describeLogStore } from "./testing/contract.ts";

describeLogStore("a store in memory", () => {
  const store = new MemoryLogStore();
  return {
    store,
    text: (name) => store.texts.get(name) ?? "",
    setText: (name, text) => store.texts.set(name, text),
  };
});
