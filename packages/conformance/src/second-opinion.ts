import { MAP, MREMAP, PAGE_SIZE, PROT, PROT_RWX, SHM } from "@pagetrail/core";
import { FlatModel, type FlatPage } from "./flat-model.ts";
import type { LiveMoment } from "./live-kernel.ts";
import type { Operation } from "./operation.ts";

/** Larger address spaces are left to the model: a map from page to attributes would fill the memory. */
const MOST_PAGES = 20_000;

type Request = Extract<Operation, { request: unknown }>["request"];

/**
 * The flat model beside a run: told what the kernel answered, it says which pages must be mapped then, with
 * which protection, sharing, file and offset. It has no opinion about calls that failed halfway, limits,
 * and what it does not know; then it takes over the kernel's pages.
 */
export class SecondOpinion {
  readonly #files = new Map<string, number>();
  #flat: FlatModel;
  #isSilent = false;

  constructor(start: LiveMoment, brk: number) {
    this.#flat = this.#pagesOf(start, brk);
  }

  /** Takes note of an operation; returns the first page about which it differs from the kernel. */
  after(operation: Operation, kernel: LiveMoment): string | undefined {
    const pages = kernel.vmas.reduce((sum, v) => sum + (v.end - v.start) / PAGE_SIZE, 0);
    if (pages > MOST_PAGES) this.#isSilent = true;
    if (this.#isSilent) return undefined;
    const next = this.#pagesOf(kernel, this.#flat.brkStart * PAGE_SIZE);
    next.brkPages = this.#flat.brkPages;
    if (!this.#follow(operation, kernel)) {
      this.#flat = next;
      return undefined;
    }
    const differs = firstDifference(this.#flat, next);
    return differs === undefined ? undefined : `page 0x${differs.toString(16)}000`;
  }

  /** Whether it knows what the operation must have done, and has done it. */
  #follow(operation: Operation, { result, vmas }: LiveMoment): boolean {
    if ("batch" in operation) return false;
    if ("fill" in operation) {
      this.#isSilent = true;
      return false;
    }
    if ("attach" in operation) return this.#attach(operation.attach, result);
    if ("drop" in operation) return true;
    if ("fork" in operation) return operation.fork !== "go on";
    if ("touch" in operation) return !vmas.some((v) => v.codes.includes("gd"));
    const value = result.startsWith("-") ? undefined : Number(result);
    return value === undefined ? hasNoPartialEffect(operation.request) : this.#succeeded(operation, value);
  }

  #succeeded({ request: r, fd }: Extract<Operation, { request: unknown }>, value: number): boolean {
    switch (r.call) {
      case "mmap": {
        if ((r.flags & MAP.HUGETLB) !== 0) return false;
        const shared = (r.flags & 1) !== 0;
        const file = fd === undefined || fd < 0 ? (shared ? "/dev/zero (deleted)" : "") : PATHS[fd];
        if (file === undefined) return false;
        const offset = file === "" || fd === undefined || fd < 0 ? 0 : Number(r.offset) / PAGE_SIZE;
        this.#fill(value, Number(r.length), {
          prot: r.prot & PROT_RWX,
          shared,
          file: this.#id(file),
          offset,
        });
        return fd !== 25;
      }
      case "munmap":
        this.#flat.munmap(Math.floor(Number(r.addr) / PAGE_SIZE), pagesIn(Number(r.length)));
        return true;
      case "mprotect":
        if ((r.prot & (PROT.GROWSDOWN | PROT.GROWSUP)) !== 0) return false;
        this.#flat.mprotect(Number(r.addr) / PAGE_SIZE, pagesIn(Number(r.length)), r.prot & PROT_RWX);
        return true;
      case "brk":
        return this.#flat.brk(pagesIn(value) - this.#flat.brkStart) === this.#flat.brkPages;
      case "mremap":
        return this.#remap(r, value / PAGE_SIZE);
      case "shmdt":
      case "pkey_mprotect":
      case "remap_file_pages":
      case "io_setup":
      case "io_destroy":
        return false;
      case "prctl":
        if (r.map !== undefined) this.#isSilent = true;
        return r.map === undefined;
      case "personality":
        this.#isSilent = true;
        return false;
      default:
        return true;
    }
  }

  /**
   * A range with holes or of several mappings is more than it knows; a private mapping of /dev/zero counts
   * as anonymous, so that its offset may follow its address; and huge pages have lengths of their own.
   */
  #remap(r: Extract<Request, { call: "mremap" }>, to: number): boolean {
    const from = Number(r.addr) / PAGE_SIZE;
    const oldPages = pagesIn(Number(r.oldLength));
    if (!this.#flat.isUniform(from, Math.max(oldPages, 1))) return false;
    const file = this.#flat.pages.get(from)?.file;
    if (file === this.#files.get("/dev/zero") || file === this.#files.get(HUGE)) return false;
    const keep = (r.flags & MREMAP.DONTUNMAP) !== 0 || oldPages === 0;
    this.#flat.mremap(from, oldPages, pagesIn(Number(r.newLength)), to, keep);
    return true;
  }

  #attach({ addr, flags, size }: { addr: number; flags: number; size: number }, result: string): boolean {
    if (result.startsWith("-")) return (flags & SHM.REMAP) === 0 || addr === 0;
    const prot =
      PROT.READ | ((flags & SHM.RDONLY) === 0 ? PROT.WRITE : 0) | ((flags & SHM.EXEC) !== 0 ? 4 : 0);
    const page = { prot, shared: true, file: this.#id("/SYSV00000000 (deleted)"), offset: 0 };
    this.#fill(Number(result), size, page);
    return true;
  }

  #fill(address: number, length: number, page: FlatPage): void {
    this.#flat.mmap({ at: address / PAGE_SIZE, replace: true, pages: pagesIn(length), page });
  }

  #id(name: string): number {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const id = name === "" || name.startsWith("[") ? 0 : this.#files.size + 1;
    this.#files.set(name, id);
    return id;
  }

  #pagesOf({ vmas }: LiveMoment, brk: number): FlatModel {
    const flat = new FlatModel(0, pagesIn(brk));
    for (const v of vmas) {
      const [r, w, x, type] = v.permissions;
      const prot = (r === "r" ? 1 : 0) + (w === "w" ? 2 : 0) + (x === "x" ? 4 : 0);
      const file = this.#id(v.name);
      const page = { prot, shared: type === "s", file, offset: file === 0 ? 0 : v.offset / PAGE_SIZE };
      flat.mmap({ at: v.start / PAGE_SIZE, replace: true, pages: (v.end - v.start) / PAGE_SIZE, page });
    }
    return flat;
  }
}

/** Paths of the program's descriptors as maps prints them, where one path stands for one object. */
const PATHS: Readonly<Record<number, string>> = {
  20: "/memfd:live (deleted)",
  21: "/memfd:live (deleted)",
  22: "/memfd:live (deleted)",
  23: "/memfd:live (deleted)",
  30: "/memfd:sealed (deleted)",
};

const HUGE = "/anon_hugepage (deleted)";

const pagesIn = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);

/** What these refuse they refuse whole, as far as pages go. */
const hasNoPartialEffect = (r: Request): boolean =>
  !["mprotect", "pkey_mprotect", "mremap", "mmap", "remap_file_pages", "shmdt", "io_destroy"].includes(
    r.call,
  );

function firstDifference(a: FlatModel, b: FlatModel): number | undefined {
  const text = (page: FlatPage | undefined): string =>
    page ? `${page.prot} ${page.shared} ${page.file} ${page.offset}` : "";
  for (const [number, page] of a.pages) if (text(page) !== text(b.pages.get(number))) return number;
  for (const number of b.pages.keys()) if (!a.pages.has(number)) return number;
  return undefined;
}
