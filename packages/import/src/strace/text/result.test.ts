import { describe, expect, test } from "vitest";
import { parseReturn } from "./result.ts";

/** Own fields and the computed hex. */
function result(text: string): unknown {
  const found = parseReturn(text)?.result;
  return found?.kind === "value" ? { ...found, hex: found.hex } : found;
}

describe("a result", () => {
  test.each([
    ["0", { value: 0, hex: "0x0" }],
    ["3</srv/a) = b (c>", { value: 3, hex: "0x3", annotation: "/srv/a) = b (c" }],
    ["5</dev/null<char 1:3>>", { value: 5, annotation: "/dev/null<char 1:3>" }],
    ["6</memfd:a b\\76c>(deleted)", { value: 6, annotation: "/memfd:a b\\76c (deleted)" }],
    ["8<TCP:[127.0.0.1:1->127.0.0.1:2]>", { annotation: "TCP:[127.0.0.1:1->127.0.0.1:2]" }],
    ["0x7F".toLowerCase(), { value: 127, hex: "0x7f" }],
    ["0x7f2329235000", { value: 0x7f2329235000, hex: "0x7f2329235000" }],
    ["18446744073709551615", { value: undefined, hex: "0xffffffffffffffff" }],
    ["0xffffffffff600000", { value: undefined, hex: "0xffffffffff600000" }],
    ["9007199254740991", { value: 9007199254740991, hex: "0x1fffffffffffff" }],
    ["9007199254740993", { value: undefined, hex: "0x20000000000001" }],
    ["-2", { value: -2, hex: "0xfffffffffffffffe" }],
    ["022", { value: 18, hex: "0x12" }],
    ["0 (Timeout)", { value: 0, note: "Timeout" }],
    ["1 ([{fd=3</a>, revents=POLLIN}])", { value: 1, note: "[{fd=3</a>, revents=POLLIN}]" }],
    ["0x40000 (PER_LINUX|ADDR_NO_RANDOMIZE)", { value: 0x40000, note: "PER_LINUX|ADDR_NO_RANDOMIZE" }],
    ["5 (INJECTED) (DELAYED)", { value: 5, note: "INJECTED; DELAYED" }],
    ["3 /* 24843 in strace's PID NS */", { value: 3, note: "24843 in strace's PID NS" }],
    ["24843<na(me>", { value: 24843, annotation: "na(me" }],
  ])("%s is a value", (text, expected) => {
    expect(result(text)).toMatchObject({ kind: "value", text, ...expected });
  });

  test.each([
    ["-1 ENOENT (No such file or directory)", { errno: "ENOENT", message: "No such file or directory" }],
    ["-1 EPERM (Operation not permitted) (INJECTED)", { errno: "EPERM", note: "INJECTED" }],
    ["-1 EOPNOTSUPP (Not (yet) supported)", { errno: "EOPNOTSUPP", message: "Not (yet) supported" }],
    ["-1 (errno 524)", { errno: "errno 524", message: "" }],
  ])("%s is an error", (text, expected) => {
    expect(result(text)).toMatchObject({ kind: "error", ...expected });
  });

  test("a call that a signal interrupted is to be restarted", () => {
    expect(result("? ERESTARTSYS (To be restarted if SA_RESTART is set)")).toEqual({
      kind: "restart",
      errno: "ERESTARTSYS",
    });
  });

  test.each(["?", "? <unavailable>"])("%s is no answer", (text) => {
    expect(result(text)).toEqual({ kind: "none" });
  });

  test.each(["", "lots", "3x", "3<open", "? EH", "-1E"])("%j is no result", (text) => {
    expect(result(text)).toEqual(text === "? EH" ? { kind: "restart", errno: "EH" } : undefined);
  });

  test("the time in the call stands apart from the annotation", () => {
    expect(parseReturn("3</srv/a> <0.000012>")).toMatchObject({
      duration: 0.000012,
      result: { annotation: "/srv/a" },
    });
    expect(parseReturn("3</srv/a <0.5>>")?.duration).toBeUndefined();
  });
});
