import { RELEASE_NAMES } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UNLIMITED } from "../arch/index.ts";
import { type Profile, profileOf, RECORDED_PAGES, REFERENCE_PROFILE, traitsOf } from "./profile.ts";
import { decodeProfile, encodeProfile } from "./profile-json.ts";

const throughText = (profile: Profile): unknown =>
  decodeProfile(JSON.parse(JSON.stringify(encodeProfile(profile))));

describe("a profile as JSON", () => {
  test("comes back as it was, no limit included", () => {
    expect(throughText(REFERENCE_PROFILE)).toEqual({ ok: true, value: REFERENCE_PROFILE });
    expect(JSON.stringify(encodeProfile(REFERENCE_PROFILE))).toContain('"totalPages":"unlimited"');
  });

  test("comes back as it was, whatever its sizes", () => {
    const size = fc.oneof(fc.nat(), fc.constant(UNLIMITED));
    fc.assert(
      fc.property(size, size, fc.boolean(), (soft, totalPages, ipcLock) => {
        const profile: Profile = {
          ...REFERENCE_PROFILE,
          sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages },
          limits: { ...REFERENCE_PROFILE.limits, as: { soft, hard: UNLIMITED } },
          capabilities: { ...REFERENCE_PROFILE.capabilities, ipcLock },
        };
        expect(throughText(profile)).toEqual({ ok: true, value: profile });
      }),
    );
  });

  test.each(RELEASE_NAMES)("of Linux %s comes back with that release and its traits", (release) => {
    const profile = profileOf(release);
    expect(throughText(profile)).toEqual({ ok: true, value: profile });
    expect(encodeProfile(profile)).toMatchObject({ release });
    expect(traitsOf(profile).release).toBe(release);
  });

  test("of the reference kernel is the reference profile", () => {
    expect(profileOf("6.18")).toEqual(REFERENCE_PROFILE);
  });

  test("as a log of the first days has it still means what it meant", () => {
    const { sysResource, ...capabilities } = REFERENCE_PROFILE.capabilities;
    expect(sysResource).toBe(true);
    const old = { ...encodeProfile(REFERENCE_PROFILE), capabilities };
    expect(decodeProfile(old)).toEqual({ ok: true, value: REFERENCE_PROFILE });
  });

  const TLB = { entries: 64, ways: 4, replacement: "random", seed: 3, pcid: true } as const;
  const withTlb: Profile = {
    ...REFERENCE_PROFILE,
    pages: RECORDED_PAGES,
    scheduling: { cpus: 2, lazyTlb: "refcount" },
    tlb: TLB,
    kernelHalf: "classic",
  };

  test("has TLBs and a kernel half of old only where it says so", () => {
    expect(throughText(withTlb)).toEqual({ ok: true, value: withTlb });
    expect(Object.keys(encodeProfile(REFERENCE_PROFILE))).not.toContain("tlb");
  });

  test.each([
    [{ scheduling: REFERENCE_PROFILE.scheduling }, "profile.tlb needs CPUs (scheduling.cpus)"],
    [{ pages: REFERENCE_PROFILE.pages }, "profile.tlb needs CPUs (scheduling.cpus)"],
    [{ tlb: { ...TLB, ways: 5 } }, "profile.tlb has 64 entries in sets of 5"],
    [{ tlb: { ...TLB, entries: 0 } }, "profile.tlb has 0 entries in sets of 4"],
    [{ tlb: { ...TLB, entries: 2.5 } }, "profile.tlb has 2.5 entries"],
    [{ tlb: { entries: 64 } }, "profile.tlb.ways is missing"],
  ])("with %j is refused", (wrong, why) => {
    const decoded = decodeProfile({ ...encodeProfile(withTlb), ...wrong });
    expect(decoded.ok ? "" : decoded.error).toContain(why);
  });

  test("from before the page cache could be warm has a cold one", () => {
    const { fileCache, ...pages } = REFERENCE_PROFILE.pages;
    expect(fileCache).toBe("cold");
    const warm = { ...REFERENCE_PROFILE, pages: RECORDED_PAGES };
    expect(throughText(warm)).toEqual({ ok: true, value: warm });
    const old = { ...encodeProfile(REFERENCE_PROFILE), pages };
    expect(decodeProfile(old)).toEqual({ ok: true, value: REFERENCE_PROFILE });
  });

  test.each([
    [{ release: "4.4" }, 'profile.release is "4.4", not one of 5.4, 6.1, 6.18'],
    [{ layout: "z80" }, 'profile.layout is "z80", not one of x86-64, x86-64-5level, i386'],
    [{ vdso: undefined }, "profile.vdso is missing, not an object"],
    [{ vdso: { vvar: -1, vvarVclock: 2, vdso: 2 } }, "profile.vdso.vvar is -1, not a size"],
    [{ capabilities: { ipcLock: 1 } }, "profile.capabilities.ipcLock is 1, not true or false"],
    [{ limits: [] }, "profile.limits is [], not an object"],
    [
      { sysctl: { ...REFERENCE_PROFILE.sysctl, maxMapCount: null } },
      "profile.sysctl.maxMapCount is null, not a size",
    ],
  ])("with %j is refused by the member's name", (change, error) => {
    expect(decodeProfile({ ...encodeProfile(REFERENCE_PROFILE), ...change })).toEqual({ ok: false, error });
  });

  test("is refused when it is anything else, and never throws", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => !decodeProfile(value).ok));
  });
});
