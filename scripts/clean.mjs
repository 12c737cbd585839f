// Removes what an earlier build left, so that a renamed source leaves no stale file in a package.
import { readdirSync, rmSync } from "node:fs";

for (const group of ["packages", "apps"]) {
  for (const name of readdirSync(group)) {
    rmSync(`${group}/${name}/dist`, { recursive: true, force: true });
  }
}
