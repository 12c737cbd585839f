import { FIRST, onEach, PAGE_MACHINE, PageMachine, told } from "@pagetrail/testing";
import { execOf, fixed } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { type Pid, pid } from "../base/index.ts";
import type { Profile } from "../kernel/index.ts";
import { PROT } from "../mm/index.ts";
import { wouldFault } from "./access.ts";
import { frameBehind } from "./contents.ts";

const CHILD = pid(2);

/** A static program that has just begun. */
function begun(profile: Profile = PAGE_MACHINE): PageMachine {
  const m = new PageMachine(profile);
  expect(told(m.ask({ call: "execve", path: "/p", load: execOf(fixed) }))).toBe("0");
  return m;
}

/** The pages of a special mapping. */
function pagesOf(m: PageMachine, label: string): { readonly start: number; readonly end: number } {
  const vma = m
    .mm()
    .vmas.toArray()
    .find(({ ops }) => ops.label === label);
  if (!vma) throw new Error(`no ${label}`);
  return vma;
}

/** How a read of each page of a special mapping ends. */
const reads = (m: PageMachine, label: string): readonly string[] => {
  const { start, end } = pagesOf(m, label);
  return Array.from({ length: end - start }, (_, i) => m.touch("read", start + i));
};

const protect = (m: PageMachine, label: string, prot: number): string => {
  const { start, end } = pagesOf(m, label);
  return told(m.ask({ call: "mprotect", addr: start * 4096, length: (end - start) * 4096, prot }));
};

describe("vvar", () => {
  const BUS = "SIGBUS BUS_ADRERR";

  test("shows the kernel's own pages, which are a fault each and count nowhere", () => {
    const m = begun();
    const before = m.counts();
    const { start } = pagesOf(m, "[vvar]");
    expect(m.touch("read", start)).toBe("ok");
    expect(m.touch("read", start)).toBe("ok");
    const { anon, file, shmem, faults } = m.counts();
    expect([anon, file, shmem, faults]).toEqual([before.anon, before.file, before.shmem, before.faults + 1]);
    expect(frameBehind(m.pages(), start)).toBeUndefined();
  });

  test("has nothing to show on some pages: vvar_fault and vvar_vclock_fault refuse them, and no fault counts", () => {
    const m = begun();
    const before = m.counts().faults;
    expect(reads(m, "[vvar]")).toEqual(["ok", BUS, "ok", BUS]);
    expect(reads(m, "[vvar_vclock]")).toEqual(["ok", BUS]);
    expect(m.counts().faults).toBe(before + 3);
  });

  test("had a clock where now the random generator is", () => {
    const seen = onEach((profile) =>
      reads(begun({ ...profile, pages: { ...PAGE_MACHINE.pages } }), "[vvar]"),
    );
    expect(seen).toEqual({
      "5.4": ["ok", "ok", BUS],
      "6.1": ["ok", "ok", BUS, BUS],
      "6.18": ["ok", BUS, "ok", BUS],
    });
  });

  test("is mapped for a child at once, as frames without a struct page are: vma_needs_copy", () => {
    const m = begun();
    const { start } = pagesOf(m, "[vvar]");
    m.touch("read", start);
    m.fork(CHILD);
    expect(wouldFault(m.pages(CHILD), start, "read")).toBe(false);
    expect(wouldFault(m.pages(CHILD), start + 2, "read")).toBe(true);
  });

  test("can be made writable by nobody", () => {
    const m = begun();
    expect(protect(m, "[vvar]", PROT.READ | PROT.WRITE)).toBe("EACCES");
    expect(m.touch("write", pagesOf(m, "[vvar]").start)).toBe("SIGSEGV SEGV_ACCERR");
  });
});

describe("the vdso", () => {
  test("counts as a file's, page by page, with nothing around a fault", () => {
    const m = begun();
    const before = m.counts();
    const { start } = pagesOf(m, "[vdso]");
    expect(m.touch("exec", start)).toBe("ok");
    expect(m.counts()).toMatchObject({ file: before.file + 1, anon: before.anon, faults: before.faults + 1 });
    expect(wouldFault(m.pages(), start + 1, "read")).toBe(true);
  });

  test("is the same frames in all processes, each page another", () => {
    const m = begun();
    m.fork(CHILD);
    const { start } = pagesOf(m, "[vdso]");
    for (const tid of [FIRST, CHILD])
      for (const page of [start, start + 1]) expect(m.touch("read", page, tid)).toBe("ok");
    const frames = (tid: Pid) => [start, start + 1].map((page) => frameBehind(m.pages(tid), page));
    expect(frames(CHILD)).toEqual(frames(FIRST));
    expect(new Set(frames(FIRST)).size).toBe(2);
  });

  test("is not copied by a fork: the child brings it in again", () => {
    const m = begun();
    const { start } = pagesOf(m, "[vdso]");
    m.touch("read", start);
    m.fork(CHILD);
    expect(wouldFault(m.pages(CHILD), start, "read")).toBe(true);
  });

  test("that is written to, as a debugger does, is copied: from what was mapped, or at once", () => {
    const m = begun();
    const { start } = pagesOf(m, "[vdso]");
    expect(protect(m, "[vdso]", PROT.READ | PROT.WRITE)).toBe("0");
    m.touch("read", start);
    const before = m.counts();
    expect(m.touch("write", start)).toBe("ok");
    expect(m.counts()).toMatchObject({ anon: before.anon + 1, file: before.file - 1 });
    expect(m.touch("write", start + 1)).toBe("ok");
    expect(m.counts()).toMatchObject({
      anon: before.anon + 2,
      file: before.file - 1,
      faults: before.faults + 2,
    });
    expect(wouldFault(m.pages(), start + 1, "write")).toBe(false);
  });
});

describe("why a fault of the kernel's own mappings ends as it does", () => {
  test("names the page that shows nothing", () => {
    const m = begun();
    expect(m.why("read", pagesOf(m, "[vvar]").start + 3).slice(2)).toEqual([
      "function: handle_mm_fault",
      "function: special_mapping_fault",
      "choice: the kernel has nothing to show on page 3 of [vvar]",
    ]);
  });

  test("says nothing of that where it does", () => {
    const m = begun();
    for (const label of ["[vvar]", "[vvar_vclock]", "[vdso]"])
      expect(m.why("read", pagesOf(m, label).start).slice(2)).toEqual([
        "function: handle_mm_fault",
        "function: special_mapping_fault",
      ]);
  });
});
