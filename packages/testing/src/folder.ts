/**
 * Folders for tests that need files.
 *
 * @module @pagetrail/testing/folder
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new folder for the running test, which is gone when the test has finished. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
