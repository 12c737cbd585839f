import { describe, expect, test } from "vitest";
import { parseShebang, SHEBANG_BYTES } from "./shebang.ts";

const split = (text: string) => parseShebang(new TextEncoder().encode(text));

describe("a script's first line", () => {
  test.each([
    ["#!/bin/sh\necho", { interpreter: "/bin/sh" }],
    ["#! \t/bin/sh \t\n", { interpreter: "/bin/sh" }],
    ["#!/usr/bin/env python3 -u  x \nprint", { interpreter: "/usr/bin/env", argument: "python3 -u  x" }],
    ["#!/bin/sh\t-e\n", { interpreter: "/bin/sh", argument: "-e" }],
    ["#!/bin/sh", { interpreter: "/bin/sh" }],
    ["#!/bin/sh\r\n", { interpreter: "/bin/sh\r" }],
    ["#!/bin/sh\0 -e\n", { interpreter: "/bin/sh" }],
    ["#!", { interpreter: "" }],
  ])("%j names its interpreter and one argument", (text, expected) => {
    expect(split(text)).toEqual(expected);
  });

  test("that ends without a newline in blanks passes an empty argument", () => {
    expect(split("#!/bin/sh  ")).toEqual({ interpreter: "/bin/sh", argument: "" });
  });

  test.each([["#!\n/bin/sh"], ["#!   \n"], ["# !/bin/sh\n"], ["!#/bin/sh\n"], [""]])(
    "%j names none",
    (text) => {
      expect(split(text)).toBeUndefined();
    },
  );

  test("is read up to the kernel's limit: an argument is cut there, an interpreter refused", () => {
    const argument = "x".repeat(400);
    expect(split(`#!/bin/sh ${argument}\n`)?.argument).toHaveLength(SHEBANG_BYTES - "#!/bin/sh ".length - 1);
    expect(split(`#!/${argument}\n`)).toBeUndefined();
    expect(split(`#!${" ".repeat(400)}/bin/sh\n`)).toBeUndefined();
  });

  test("may end with the buffer's last byte", () => {
    const name = `/${"x".repeat(SHEBANG_BYTES - 4)}`;
    expect(split(`#!${name}\n`)).toEqual({ interpreter: name });
    expect(split(`#!${name}x\n`)).toBeUndefined();
  });
});
