import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileLogWriter, type FileOptions } from "../file-log-writer.ts";
import { readLog } from "../read-log.ts";
import type { StoreUnderTest } from "./contract.ts";

/** The logs of one folder, as a store. */
export function folderStore(folder: string, options: FileOptions = {}): StoreUnderTest {
  const path = (name: string): string => join(folder, name);
  return {
    store: {
      create: (name, header, how) => FileLogWriter.create(path(name), header, { ...options, ...how }),
      append: (name) => FileLogWriter.append(path(name), options),
      read: (name) => readLog(path(name)),
    },
    text: (name) => readFileSync(path(name), "utf8"),
    setText: (name, text) => writeFileSync(path(name), text),
  };
}
