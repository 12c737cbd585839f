import fc from "fast-check";

/** What may have happened to a text: each takes lines and a few random numbers. */
const DAMAGES: Readonly<Record<string, (lines: string[], at: readonly number[]) => string[]>> = {
  "lines in the wrong order": (lines, at) => {
    for (let i = 0; i + 1 < at.length; i += 2) {
      const [a, b] = [(at[i] ?? 0) % lines.length, (at[i + 1] ?? 0) % lines.length];
      [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
    }
    return lines;
  },
  "lines missing": (lines, at) => lines.filter((_, i) => !at.some((n) => n % lines.length === i)),
  "cut off at the start": (lines, at) => lines.slice((at[0] ?? 0) % lines.length),
  "cut off in mid-line": (lines, at) => {
    const text = lines.join("\n");
    return text.slice(0, (at[0] ?? 0) % text.length).split("\n");
  },
  "lines shortened": (lines, at) => {
    for (const n of at) lines[n % lines.length] = (lines[n % lines.length] ?? "").slice(0, n % 90);
    return lines;
  },
  "bytes exchanged": (lines, at) => {
    const text = lines.join("\n");
    const places = new Set(at.map((n) => n % text.length));
    return [...text]
      .map((c, i) => (places.has(i) ? String.fromCharCode((i * 37) % 256) : c))
      .join("")
      .split("\n");
  },
  "another number everywhere": (lines, at) => {
    for (const n of at) {
      const i = n % lines.length;
      lines[i] = (lines[i] ?? "").replaceAll(/[0-9a-f]{6,}/g, (digits) =>
        n % 3 ? "f".repeat(16) : `${digits}${n}`,
      );
    }
    return lines;
  },
  backwards: (lines) => lines.reverse(),
};

/** A damage that may happen, and where. */
export const damage = fc.record({
  how: fc.constantFrom(...Object.keys(DAMAGES)),
  at: fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 60 }),
});

/** A text in lines, damaged. */
export const damaged = (
  lines: readonly string[],
  { how, at }: { readonly how: string; readonly at: readonly number[] },
) => (DAMAGES[how]?.([...lines], at) ?? []).join("\n");
