import { strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { MREMAP } from "./mman.ts";

describe("mseal", () => {
  test("seals a part, and again without harm", () => {
    expect(`${strip("AAAA").mseal(".xx.")}`).toBe("AEEA");
    const s = strip("AAAA").mseal(".xx.").mseal("xxxx");
    expect(`${s}`).toBe("EEEE");
    expect(s.last).toBe("ok");
  });

  test("of a range with a hole changes nothing", () => {
    const s = strip("AA.AA").mseal("xxxxx");
    expect(s.last).toBe("ENOMEM");
    expect(`${s}`).toBe("AA.AA");
  });

  test("forbids every change of place and access", () => {
    const sealed = strip("AA..").mseal("xx..");
    expect(sealed.munmap("x...").last).toBe("EPERM");
    expect(sealed.mmap("AA..").last).toBe("EPERM");
    expect(sealed.mprotect("AA..").last).toBe("EPERM");
    expect(sealed.mremap("xx..", "xx..", 0).last).toBe("EPERM");
    expect(sealed.mremap("xx..", "..xx", MREMAP.MAYMOVE | MREMAP.FIXED).last).toBe("EPERM");
    expect(`${sealed}`).toBe("EE..");
  });

  test("lets memory be locked, and is inherited", () => {
    const s = strip("AA").mseal("xx");
    expect(s.mlock("xx").last).toBe("ok");
    expect(s.fork().munmap("xx").last).toBe("EPERM");
  });
});
