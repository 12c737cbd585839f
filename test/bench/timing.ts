/** Something to be timed: makes what it needs, and gives what the clock runs for. */
export type Timed = () => () => void;

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const WARM_UP = 3;

/**
 * Median milliseconds of each of the things, which take turns, so that a machine that is busy for a while is
 * so for all of them.
 */
export function alternate<K extends string>(
  things: Readonly<Record<K, Timed>>,
  rounds: number,
): Readonly<Record<K, number>> {
  const entries = Object.entries<Timed>(things).map(([name, prepare]) => ({
    name,
    prepare,
    times: [] as number[],
  }));
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (const { prepare, times } of entries) {
      const run = prepare();
      const start = performance.now();
      run();
      const took = performance.now() - start;
      if (round >= WARM_UP) times.push(took);
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, median(times)])) as Record<K, number>;
}

/** Median milliseconds of one thing by itself. */
export const time = (thing: Timed, rounds: number): number => alternate({ thing }, rounds).thing;
