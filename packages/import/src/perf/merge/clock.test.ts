import { expect, test } from "vitest";
import { Clock } from "./clock.ts";

test("the largest distance is the nearest to the truth", () => {
  const clock = new Clock([9.9999, 9.99991]);
  for (const distance of [9.9998, 9.99995, 9.9999]) clock.add(distance);
  expect(clock.offset).toBe(9.99995);
  expect(clock.fit).toMatchObject({ offset: 9.99995, matched: 3 });
  expect(clock.fit.residual).toBeCloseTo(0.00005);
});

test("a call that was taken for another one says nothing", () => {
  const clock = new Clock([10, 10]);
  clock.add(10.2);
  expect(clock.fit).toEqual({ offset: 10, residual: 0, matched: 0 });
});

test("clocks that drift apart are followed", () => {
  const clock = new Clock([10]);
  for (let i = 0; i < 1000; i++) clock.add(10 - i * 1e-5);
  expect(clock.offset).toBeLessThan(9.991);
});
