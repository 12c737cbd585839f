import { RELEASES, UNLIMITED } from "../arch/index.ts";
import { fail, ok, type Result } from "../base/index.ts";
import { type Profile, UNKNOWN_PAGES, UNKNOWN_SCHEDULING } from "./profile.ts";

/**
 * How a member of a profile stands in a header: `size` a number that is not negative or "unlimited",
 * `flag` true or false, a list the values that it may have, an object further members.
 */
type Form = "size" | "flag" | readonly (string | number)[] | { readonly [member: string]: Form };

type Shape<T> = {
  readonly [K in keyof T]-?: NonNullable<T[K]> extends object ? Shape<NonNullable<T[K]>> : Form;
};

const LIMIT = { soft: "size", hard: "size" } as const;

/** Every member of a profile: one that is missing here does not compile. */
const PROFILE: Shape<Profile> = {
  layout: ["x86-64", "x86-64-5level", "i386"],
  release: Object.keys(RELEASES),
  sysctl: {
    maxMapCount: "size",
    mmapMinAddr: "size",
    overcommitMemory: [0, 1, 2],
    overcommitRatio: "size",
    overcommitKbytes: "size",
    adminReserveKbytes: "size",
    userReserveKbytes: "size",
    legacyVaLayout: "flag",
    randomizeVaSpace: [0, 1, 2],
    totalPages: "size",
    swapPages: "size",
    hugePages: "size",
  },
  pages: {
    known: "flag",
    frames: "size",
    thp: ["always", "madvise", "never"],
    faultAround: "size",
    readAhead: "size",
    fileCache: ["warm", "cold"],
    paging: ["2-level", "pae", "4-level", "5-level"],
  },
  scheduling: { cpus: "size", lazyTlb: ["refcount", "shootdown"] },
  tlb: {
    entries: "size",
    ways: "size",
    replacement: ["lru", "fifo", "random"],
    seed: "size",
    pcid: "flag",
  },
  kernelHalf: ["classic"],
  vdso: { vvar: "size", vvarVclock: "size", vdso: "size" },
  limits: { as: LIMIT, data: LIMIT, stack: LIMIT, memlock: LIMIT },
  capabilities: { ipcLock: "flag", sysRawio: "flag", sysAdmin: "flag", sysResource: "flag" },
  vsyscall: ["xonly", "emulate", "none"],
};

/** Members that came after the first logs, and what such a log means. */
const ADDED: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["profile.capabilities.sysResource", true],
  ["profile.pages", UNKNOWN_PAGES],
  ["profile.pages.fileCache", "cold"],
  ["profile.scheduling", UNKNOWN_SCHEDULING],
]);

/** Members that a profile may lack. */
const OPTIONAL: ReadonlySet<string> = new Set(["profile.tlb", "profile.kernelHalf"]);

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isChoice = (form: Form): form is readonly (string | number)[] => Array.isArray(form);

/** The profile as plain JSON, for a log's header. No limit is "unlimited". */
export const encodeProfile = (profile: Profile): Json =>
  encodeMembers(PROFILE as Form & object, profile as unknown as Json);

function encodeMembers(shape: object, members: Json): Json {
  const json: Record<string, unknown> = {};
  for (const [name, form] of Object.entries(shape) as [string, Form][]) {
    const value = members[name];
    if (value === undefined) continue;
    if (typeof form === "object" && !isChoice(form)) json[name] = encodeMembers(form, value as Json);
    else json[name] = value === UNLIMITED ? "unlimited" : value;
  }
  return json;
}

/** Reads a header's profile back; refuses, naming the member, what is none or not this version's. */
export function decodeProfile(json: unknown): Result<Profile, string> {
  const decoded = decodeMember("profile", PROFILE as Form, json);
  if (!decoded.ok) return decoded;
  const profile = decoded.value as Profile;
  const wrong = wrongTlb(profile);
  return wrong === undefined ? ok(profile) : fail(wrong);
}

/** Why there cannot be such TLBs; undefined where there can. */
export function wrongTlb({ tlb, scheduling, pages }: Profile): string | undefined {
  if (!tlb) return undefined;
  if (scheduling.cpus === 0 || !pages.known)
    return "profile.tlb needs CPUs (scheduling.cpus) and pages (pages.known)";
  const whole = Number.isInteger(tlb.entries) && Number.isInteger(tlb.ways);
  if (!whole || tlb.ways < 1 || tlb.entries < 1 || tlb.entries % tlb.ways !== 0)
    return `profile.tlb has ${tlb.entries} entries in sets of ${tlb.ways}`;
  return undefined;
}

function decodeMember(name: string, form: Form, value: unknown): Result<unknown, string> {
  const wrong = (wanted: string): Result<never, string> =>
    fail(`${name} is ${value === undefined ? "missing" : JSON.stringify(value)}, not ${wanted}`);
  if (form === "size") {
    if (value === "unlimited") return ok(UNLIMITED);
    return typeof value === "number" && value >= 0 ? ok(value) : wrong("a size");
  }
  if (form === "flag") return typeof value === "boolean" ? ok(value) : wrong("true or false");
  if (isChoice(form))
    return form.some((choice) => choice === value) ? ok(value) : wrong(`one of ${form.join(", ")}`);
  if (!isJson(value)) return wrong("an object");
  const members: Record<string, unknown> = {};
  for (const [member, inner] of Object.entries(form)) {
    const path = `${name}.${member}`;
    if (!(member in value) && OPTIONAL.has(path)) continue;
    const decoded = decodeMember(path, inner, member in value ? value[member] : ADDED.get(path));
    if (!decoded.ok) return decoded;
    members[member] = decoded.value;
  }
  return ok(members);
}
