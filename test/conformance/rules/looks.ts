import type { LiveMoment, LiveVma } from "@pagetrail/conformance";
import { at, draw, pages, WINDOW } from "./draw.ts";
import { type Look, lookingAt, type Part, type Scene, type Step } from "./rule.ts";

const only = (look: Look): Step => ({ looks: [look] });

/** The steps end in an errno. */
export const refused = (errno: string, part: Part): readonly Step[] =>
  lookingAt(
    part,
    ({ result }) => (result === `-${errno}` ? undefined : `answers ${result}, not ${errno}`),
    true,
  );

/** The last access ends in a signal. */
export const dies = (signal: string, part: Part): readonly Step[] =>
  lookingAt(part, ({ result }) => (result === signal ? undefined : `ends in ${result}, not ${signal}`), true);

/** A number that may depend on where things are. */
type Value = number | ((scene: Scene) => number);

const numberOf = (value: Value, scene: Scene): number => (typeof value === "number" ? value : value(scene));

/** The steps answer an address or another value. */
export const gives = (value: Value, part: Part): readonly Step[] =>
  lookingAt(part, ({ result }, scene) => {
    const wanted = `0x${numberOf(value, scene).toString(16)}`;
    return result === wanted ? undefined : `answers ${result}, not ${wanted}`;
  });

/** So many bytes above the start of the heap. */
export const heap =
  (above: number) =>
  ({ start }: Scene): number =>
    start.brk + above;

/** The window is drawn so from now on. */
export const shows = (row: string): Step =>
  only((moment) => {
    const drawn = draw(moment, row.replaceAll("|", "").length);
    return drawn === row ? undefined : `the window is ${drawn}, not ${row}`;
  });

/** The mappings from the given address on are drawn so. */
export const showsFrom = (from: Value, row: string): Step =>
  only((moment, scene) => {
    const drawn = draw(moment, row.replaceAll("|", "").length, numberOf(from, scene));
    return drawn === row ? undefined : `there is ${drawn}, not ${row}`;
  });

const vmaAt = (moment: LiveMoment, address: number): LiveVma | undefined =>
  moment.vmas.find((v) => v.start <= address && address < v.end);

const lookAt = (where: Value, what: string, of: (v: LiveVma) => string, wanted: string): Step =>
  only((moment, scene) => {
    const address = numberOf(where, scene);
    const vma = vmaAt(moment, address < 4096 ? at(address) : address);
    const found = vma ? of(vma) : "nothing mapped";
    return found === wanted ? undefined : `${what} at ${address.toString(16)}: ${found}, not ${wanted}`;
  });

/** VmFlags of the mapping at a page of the window, or at an address. */
export const flags = (where: Value, codes: string): Step => lookAt(where, "flags", (v) => v.codes, codes);

/** Its permissions as maps prints them. */
export const access = (where: Value, permissions: string): Step =>
  lookAt(where, "permissions", (v) => v.permissions, permissions);

/** Its offset in the file, in pages. */
export const offset = (where: Value, count: number): Step =>
  lookAt(where, "offset", (v) => String(v.offset), String(pages(count)));

/** Its name in maps. */
export const named = (where: Value, name: string): Step => lookAt(where, "name", (v) => v.name, name);

/** Its first page in the window and how many it has. */
export const spans = (where: Value, start: number, end: number): Step =>
  lookAt(where, "range", (v) => `${(v.start - WINDOW) / 4096}-${(v.end - WINDOW) / 4096}`, `${start}-${end}`);

type Changes = Readonly<
  Partial<
    Record<"VmPeak" | "VmSize" | "VmLck" | "VmPin" | "VmData" | "VmStk" | "VmExe" | "VmLib" | "VMAs", number>
  >
>;

const sizeOf = (moment: LiveMoment, size: string): number =>
  size === "VMAs" ? moment.vmas.length : (moment.sizes[size] ?? 0) / 4;

/** The last step changes the sizes of status by so many pages each. */
export const changes = (by: Changes, part: Part): readonly Step[] =>
  lookingAt(part, (after, { before }) => {
    const wrong = Object.entries(by).flatMap(([size, wanted]) => {
      const found = sizeOf(after, size) - sizeOf(before, size);
      return found === wanted ? [] : [`${size} changes by ${found}, not ${wanted}`];
    });
    return wrong.length === 0 ? undefined : wrong.join("; ");
  });

/** A size of status is so many pages now. */
export const size = (name: keyof Changes, wanted: number): Step =>
  only((moment) => {
    const found = sizeOf(moment, name);
    return found === wanted ? undefined : `${name} is ${found} pages, not ${wanted}`;
  });

/** Its first address and the one behind its last. */
export const spansBytes = (where: Value, start: number, end: number): Step =>
  lookAt(
    where,
    "range",
    (v) => `${v.start.toString(16)}-${v.end.toString(16)}`,
    `${start.toString(16)}-${end.toString(16)}`,
  );
