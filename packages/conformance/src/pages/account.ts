/** Numbers of an entry in smaps, in kilobytes, as the kernel prints them. */
export const SMAPS_FIELDS = [
  ...["Size", "KernelPageSize", "MMUPageSize", "Rss", "Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty"],
  ...["Private_Clean", "Private_Dirty", "Referenced", "Anonymous", "KSM", "LazyFree", "AnonHugePages"],
  ...["ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss", "Locked"],
  "THPeligible",
] as const;

/** Sizes of status, in kilobytes, as the kernel prints them. */
export const SIZE_FIELDS = [
  ...["VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmData"],
  ...["VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "HugetlbPages"],
] as const;

export type SmapsField = (typeof SMAPS_FIELDS)[number];
export type SizeField = (typeof SIZE_FIELDS)[number];

/** One mapping as smaps and pagemap show it. */
export interface MappingAccount {
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  readonly offset: number;
  readonly name: string;
  /** The codes of VmFlags. */
  readonly codes: string;
  /** In the order of SMAPS_FIELDS. */
  readonly smaps: readonly number[];
  /** Bits 52 to 63 of each page's pagemap entry. */
  readonly bits: readonly number[];
  /** The rest: a frame's number, a place in swap, or nothing. */
  readonly frames: readonly number[];
}

/** What /proc says of one process. */
export interface MemberAccount {
  readonly mappings: readonly MappingAccount[];
  /** In the order of SIZE_FIELDS. */
  readonly sizes: readonly number[];
  readonly minorFaults: number;
  readonly majorFaults: number;
}

/** The family after an operation: how it ended, and the living members by their numbers. */
export interface FamilyMoment {
  readonly result: string;
  readonly members: ReadonlyMap<number, MemberAccount>;
}

/** Bits 52 to 63 of a pagemap entry. */
export const PAGEMAP = { EXCLUSIVE: 0x010, GUARD: 0x040, FILE: 0x200, SWAP: 0x400, PRESENT: 0x800 } as const;

const LETTERS: ReadonlyMap<number, string> = new Map([
  [0, "."],
  [PAGEMAP.PRESENT, "a"],
  [PAGEMAP.PRESENT + PAGEMAP.EXCLUSIVE, "A"],
  [PAGEMAP.PRESENT + PAGEMAP.FILE, "f"],
  [PAGEMAP.PRESENT + PAGEMAP.FILE + PAGEMAP.EXCLUSIVE, "F"],
  [PAGEMAP.SWAP, "s"],
  [PAGEMAP.SWAP + PAGEMAP.EXCLUSIVE, "S"],
  [PAGEMAP.SWAP + PAGEMAP.GUARD, "g"],
]);

/** A letter for each page: `a` anonymous, `f` file, `s` swapped, `g` guard; upper case if mapped only here. */
export function pagesText(bits: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < bits.length; ) {
    let n = 1;
    while (i + n < bits.length && bits[i + n] === bits[i]) n++;
    const letter = LETTERS.get(bits[i] ?? 0) ?? `<${(bits[i] ?? 0).toString(16)}>`;
    parts.push(n > 8 ? `${letter}*${n} ` : letter.repeat(n));
    i += n;
  }
  return parts.join("");
}

const named = (names: readonly string[], numbers: readonly number[]): string =>
  numbers.flatMap((n, i) => (n === 0 ? [] : [`${names[i]} ${n}`])).join(", ");

const hex = (n: number): string => n.toString(16);

/** All of an account but which frames there are, as lines for a person and for comparison. */
export function accountLines(account: MemberAccount): readonly string[] {
  const mappings = account.mappings.flatMap((m) => [
    `${hex(m.start)}-${hex(m.end)} ${m.permissions} ${hex(m.offset)} ${m.name} [${m.codes}]`,
    `${hex(m.start)}: ${named(SMAPS_FIELDS, m.smaps)}`,
    `${hex(m.start)}: ${pagesText(m.bits)}`,
  ]);
  const faults = `faults: ${account.minorFaults} minor, ${account.majorFaults} major`;
  return [...mappings, named(SIZE_FIELDS, account.sizes), faults];
}

/** An account of the program: lines "v", "m", "s" and "f" as pages.c prints them. */
export function parseAccount(lines: readonly string[]): MemberAccount {
  const mappings: MappingAccount[] = [];
  let sizes: readonly number[] = [];
  let faults: readonly number[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const numbers = (): readonly number[] => line.split(" ").slice(1).map(Number);
    if (line.startsWith("v")) mappings.push(parseMapping(line, lines[++i] ?? ""));
    else if (line.startsWith("s")) sizes = numbers();
    else if (line.startsWith("f")) faults = numbers();
  }
  return { mappings, sizes, minorFaults: faults[0] ?? 0, majorFaults: faults[1] ?? 0 };
}

function parseMapping(line: string, pages: string): MappingAccount {
  const [, head = "", codes = "", name = ""] = /^v (.*?) \[(.*?)\] (.*)$/.exec(line) ?? [];
  const [start = "", end = "", permissions = "", offset = "", ...smaps] = head.split(" ");
  return {
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    permissions,
    offset: Number.parseInt(offset, 16),
    name,
    codes: codes.trimEnd(),
    smaps: smaps.map(Number),
    ...parsePages(pages),
  };
}

/** Digits of a pagemap entry that hold its frame. */
const FRAME_DIGITS = 13;

/** "m" and the entries: "E", "E*N" for N equal ones, "E+N" for N whose frames follow one another. */
function parsePages(line: string): Pick<MappingAccount, "bits" | "frames"> {
  const bits: number[] = [];
  const frames: number[] = [];
  for (const word of line.split(" ").slice(1)) {
    const [entry = "", run = "1"] = word.split(/[*+]/);
    const high = Number.parseInt(entry.slice(0, -FRAME_DIGITS) || "0", 16);
    const low = Number.parseInt(entry.slice(-FRAME_DIGITS), 16);
    const step = word.includes("+") ? 1 : 0;
    for (let i = 0; i < Number.parseInt(run, 16); i++) {
      bits.push(high);
      frames.push(low + i * step);
    }
  }
  return { bits, frames };
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+ *(.*)$/;

/** Entries of smaps as the kernel prints them, without that of the gate. */
export function parseSmaps(text: string): readonly Omit<MappingAccount, "bits" | "frames">[] {
  const mappings: { smaps: number[]; codes: string; header: RegExpExecArray }[] = [];
  for (const line of text.split("\n")) {
    const header = HEADER.exec(line);
    const mapping = mappings.at(-1);
    if (header) mappings.push({ smaps: [], codes: "", header });
    else if (line.startsWith("VmFlags: ") && mapping) mapping.codes = line.slice(9).trimEnd();
    else if (line !== "") mapping?.smaps.push(Number.parseInt(line.slice(line.indexOf(":") + 1), 10));
  }
  return mappings.flatMap(({ smaps, codes, header }) => {
    const [, start = "", end = "", permissions = "", offset = "", name = ""] = header;
    if (name === "[vsyscall]") return [];
    const [from, to, at] = [start, end, offset].map((digits) => Number.parseInt(digits, 16));
    return [{ start: from ?? 0, end: to ?? 0, permissions, offset: at ?? 0, name, codes, smaps }];
  });
}

/** The lines of status about memory as the kernel prints them, in the order of SIZE_FIELDS. */
export const parseStatus = (text: string): readonly number[] =>
  SIZE_FIELDS.map((name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0));
