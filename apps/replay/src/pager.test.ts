import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { showPaged } from "./pager.ts";
import { demoLog, pagetrail } from "./testing/log-fixture.ts";

const lines = (n: number): string => "line\n".repeat(n);

describe("text on a terminal", () => {
  test("goes to the pager that is named, where it is longer than the screen", () => {
    const file = join(testFolder(), "paged");
    const env = { PATH: process.env.PATH, PAGER: `cat > '${file}'; echo "$LESS" >> '${file}'` };
    expect(showPaged(lines(30), env, 24)).toBe(true);
    expect(readFileSync(file, "utf8")).toBe(`${lines(30)}FRX\n`);
  });

  test("needs none where it fits, and has none where none is wanted or there", () => {
    const { PATH } = process.env;
    expect(showPaged(lines(10), { PATH, PAGER: "false" }, 24)).toBe(false);
    expect(showPaged(lines(30), { PATH, PAGER: "" }, 24)).toBe(false);
    expect(showPaged(lines(30), { PATH, PAGER: "cat" }, 24)).toBe(false);
    expect(showPaged(lines(30), { PATH, PAGER: "no-such-pager 2>/dev/null" }, 24)).toBe(false);
  });
});

describe("a view", () => {
  const paged = async (argv: readonly string[], shows: boolean) => {
    const texts: string[] = [];
    const page = (text: string): boolean => {
      texts.push(text);
      return shows;
    };
    const { out } = await pagetrail(argv, { page });
    return { texts, out };
  };

  test("is handed over as a whole, and printed where nobody took it", async () => {
    const log = demoLog();
    const { out: text } = await pagetrail(["maps", log, "--at", "5"]);
    expect(await paged(["maps", log, "--at", "5"], true)).toEqual({ texts: [text], out: "" });
    expect(await paged(["maps", log, "--at", "5"], false)).toEqual({ texts: [text], out: text });
  });

  test("is printed where no pager is wanted, as is what is no view", async () => {
    const log = demoLog();
    expect((await paged(["--no-pager", "maps", log, "--at", "5"], true)).texts).toEqual([]);
    expect((await paged(["when", log, "call == mmap"], true)).texts).toEqual([]);
  });
});
