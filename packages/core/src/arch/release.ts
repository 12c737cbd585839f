/** Advice of madvise that not every release knows, by the name after MADV_. */
export type LaterAdvice =
  | "POPULATE_READ"
  | "POPULATE_WRITE"
  | "DONTNEED_LOCKED"
  | "COLLAPSE"
  | "GUARD_INSTALL"
  | "GUARD_REMOVE";

/** Entries of the auxiliary vector that not every release has, by the name after AT_. */
export type LaterAuxv = "MINSIGSTKSZ" | "RSEQ_FEATURE_SIZE" | "RSEQ_ALIGN";

/**
 * What one kernel release does otherwise than another, each difference under a name of its own. Rules ask for
 * a trait, never for a version; what no trait names is the same in all of them.
 */
export interface KernelTraits {
  readonly release: ReleaseName;

  // What merges.

  /** A VMA with an anon_vma may become one with a neighbour that has none yet: is_mergeable_anon_vma. */
  readonly touchedJoinsUntouched: boolean;
  /** A VMA with a close hook may grow by a merge, as long as the merge does not remove it. */
  readonly closeHooksGrow: boolean;
  /** The neighbour that a new mapping looks at first; the other joins only if its anon_vma fits to that one's. */
  readonly newJoinsFirst: "previous" | "next";
  /** Guard regions mark their VMA (VM_MAYBE_GUARD), and merging ignores the mark. */
  readonly guardMark: boolean;
  /** Memory that mprotect makes read-only before anything was written to it is no longer accounted. */
  readonly mprotectUncharges: boolean;
  /** What an mremap adds in place may join the mapping behind it. */
  readonly grownJoinsNext: boolean;
  /** What the heap joins when it grows: only memory above start_brk, or neighbours on both sides. */
  readonly brkJoins: "heap" | "neighbours";

  // What is aligned, and where things go.

  /** Mappings without a hint whose length is a multiple of 2 MiB are placed at one. */
  readonly alignsAnonymous: boolean;
  /** Mappings of disk files that hold 2 MiB of it whole: placed so that huge pages fit. */
  readonly alignsFiles: boolean;
  /** A place from above that happens to be aligned is moved up to the next: thp_get_unmapped_area. */
  readonly alignsUp: boolean;
  /** MAP_ABOVE4G means something. */
  readonly mapAbove4G: boolean;
  /** Programs that ask for a larger alignment than a page get it. */
  readonly alignsPrograms: boolean;
  /** Where vvar and vdso go in a 64-bit program: an ordinary search, or a hint at random above the stack. */
  readonly vdsoPlace: "search" | "above the stack";
  /** When the heap of a static PIE lies at the PIE base: always, or only under randomisation. */
  readonly staticPieHeap: "moved" | "moved if random";

  // What exists.

  readonly mapDroppable: boolean;
  readonly mseal: boolean;
  readonly mremapDontunmap: boolean;
  readonly lacksAdvice: ReadonlySet<LaterAdvice>;
  /** Which advice process_madvise takes about the caller's own memory; "none" when there is no such call. */
  readonly processMadvise: "any" | "remote only" | "none";
  /** PR_SET_MDWE and PR_GET_MDWE. */
  readonly mdwe: boolean;
  /** PR_SET_THP_DISABLE takes flags. */
  readonly thpDisableFlags: boolean;
  /** Huge pages of hugetlb can be moved by mremap. */
  readonly movesHugetlb: boolean;
  /** MADV_DONTNEED works on hugetlb. */
  readonly dontneedHugetlb: boolean;

  // In which order things happen.

  /** When a fixed mapping takes away what is in its place: behind all checks of limits, or before some. */
  readonly fixedUnmaps: "last" | "first";
  /**
   * When mremap unmaps its target: behind the checks of the mapping to move, which may be several, or before
   * those that ask whether it may move at all.
   */
  readonly mremapUnmaps: "last" | "first";
  /** An mremap that does not grow asks for a mapping at the old address. */
  readonly mremapNeedsMapping: boolean;
  /** A brk that shrinks asks for a mapping in the range that goes. */
  readonly brkNeedsMapping: boolean;

  // Which flags and counts result.

  /** MAP_STACK keeps huge pages away (VM_NOHUGEPAGE). */
  readonly mapStackNoHuge: boolean;
  /** exec maps programs with VM_DENYWRITE. */
  readonly denyWrite: boolean;
  /** A memfd sealed against writing can be mapped shared for reading through a writable descriptor. */
  readonly sealedReads: boolean;
  /** MADV_REMOVE is content with a mapping that might be made writable. */
  readonly removeNeedsMaywrite: boolean;
  /** vvar and vdso can be cut in two. */
  readonly specialSplits: boolean;
  /** Pages of vvar that show something: the time, and the random generator or, before it had one, KVM's clock. */
  readonly vvarData: ReadonlySet<number>;
  /** MREMAP_DONTUNMAP forgets to take the pages that it unlocks off the count. */
  readonly dontunmapKeepsLockedCount: boolean;
  /** A child's memory that fork wiped begins with an anon_vma. */
  readonly wipedIsTouched: boolean;
  /** Which LOAD segments start_code may lie in. */
  readonly startCode: "executable" | "any";
  /** Entries of the auxiliary vector that the release does not have yet, by the name after AT_. */
  readonly lacksAuxv: ReadonlySet<LaterAuxv>;

  /** A huge page that is split leaves the page of zeros in the place of pages that hold nothing else. */
  readonly splitFindsZeros: boolean;

  // Who copies after a fork.

  /** When a page of a huge one, mapped page by page, is written to without a copy. */
  readonly reusesLarge: "one address space" | "one reference" | "one entry a page";
  /** To which private pages that nobody shares mprotect gives write access back without a fault. */
  readonly protectUpgrades: "all pages" | "dirty small pages" | "nothing";
  /** A write to a shared huge page copies all of it, and does not split it. */
  readonly copiesHuge: boolean;
  /** When a write to 2 MiB of zeros brings a huge page; else they are split, and one page is brought. */
  readonly zerosBecomeHuge: "always" | "where they may" | "never";

  // What /proc prints.

  /** Memory that only touches the break's range is called [heap] too. */
  readonly heapTouches: boolean;
  /** smaps' THPeligible up to its digit. */
  readonly thpEligible: string;
  /** smaps' FilePmdMapped up to its number. */
  readonly filePmdMapped: string;
  /** smaps tells which part of Pss is dirty. */
  readonly pssDirty: boolean;
  /** smaps counts the pages that KSM has merged. */
  readonly smapsKsm: boolean;
  /** status tells which bits of an address the hardware looks at. */
  readonly untagMask: boolean;
}

/** Linux 6.18 as its stable release 6.18.44 behaves: the reference. */
export const LINUX_6_18: KernelTraits = {
  release: "6.18",
  touchedJoinsUntouched: true,
  closeHooksGrow: true,
  newJoinsFirst: "previous",
  guardMark: true,
  mprotectUncharges: true,
  grownJoinsNext: true,
  brkJoins: "heap",
  alignsAnonymous: true,
  alignsFiles: true,
  alignsUp: true,
  mapAbove4G: true,
  alignsPrograms: true,
  vdsoPlace: "search",
  staticPieHeap: "moved",
  mapDroppable: true,
  mseal: true,
  mremapDontunmap: true,
  lacksAdvice: new Set(),
  processMadvise: "any",
  mdwe: true,
  thpDisableFlags: true,
  splitFindsZeros: true,
  movesHugetlb: true,
  dontneedHugetlb: true,
  fixedUnmaps: "last",
  mremapUnmaps: "last",
  mremapNeedsMapping: true,
  brkNeedsMapping: true,
  mapStackNoHuge: true,
  denyWrite: false,
  sealedReads: true,
  removeNeedsMaywrite: true,
  specialSplits: false,
  vvarData: new Set([0, 2]),
  dontunmapKeepsLockedCount: true,
  wipedIsTouched: false,
  startCode: "executable",
  lacksAuxv: new Set(),
  reusesLarge: "one address space",
  protectUpgrades: "all pages",
  copiesHuge: false,
  zerosBecomeHuge: "always",
  heapTouches: false,
  thpEligible: "THPeligible:           ",
  filePmdMapped: "FilePmdMapped:  ",
  pssDirty: true,
  smapsKsm: true,
  untagMask: true,
};

/** Linux 6.1, the first long-term release with the maple tree, as its stable release 6.1.176 reads. */
export const LINUX_6_1: KernelTraits = {
  ...LINUX_6_18,
  release: "6.1",
  touchedJoinsUntouched: false,
  closeHooksGrow: false,
  newJoinsFirst: "next",
  guardMark: false,
  mprotectUncharges: false,
  alignsAnonymous: false,
  alignsUp: false,
  mapAbove4G: false,
  vdsoPlace: "above the stack",
  mapDroppable: false,
  mseal: false,
  lacksAdvice: new Set(["GUARD_INSTALL", "GUARD_REMOVE"] as const),
  processMadvise: "remote only",
  mdwe: false,
  thpDisableFlags: false,
  splitFindsZeros: false,
  fixedUnmaps: "first",
  mremapUnmaps: "first",
  mapStackNoHuge: false,
  vvarData: new Set([0, 1]),
  dontunmapKeepsLockedCount: false,
  lacksAuxv: new Set<LaterAuxv>(["RSEQ_FEATURE_SIZE", "RSEQ_ALIGN"]),
  reusesLarge: "one reference",
  protectUpgrades: "dirty small pages",
  zerosBecomeHuge: "never",
  heapTouches: true,
  thpEligible: "THPeligible:    ",
  smapsKsm: false,
  untagMask: false,
};

/** Linux 5.4, of the red-black tree and the linked list, as its stable release 5.4.214 reads. */
export const LINUX_5_4: KernelTraits = {
  ...LINUX_6_1,
  release: "5.4",
  newJoinsFirst: "previous",
  grownJoinsNext: false,
  brkJoins: "neighbours",
  alignsFiles: false,
  alignsPrograms: false,
  staticPieHeap: "moved if random",
  mremapDontunmap: false,
  lacksAdvice: new Set([
    "POPULATE_READ",
    "POPULATE_WRITE",
    "DONTNEED_LOCKED",
    "COLLAPSE",
    "GUARD_INSTALL",
    "GUARD_REMOVE",
  ] as const),
  processMadvise: "none",
  movesHugetlb: false,
  dontneedHugetlb: false,
  mremapNeedsMapping: false,
  brkNeedsMapping: false,
  denyWrite: true,
  sealedReads: false,
  removeNeedsMaywrite: false,
  specialSplits: true,
  wipedIsTouched: true,
  startCode: "any",
  lacksAuxv: new Set<LaterAuxv>(["MINSIGSTKSZ", "RSEQ_FEATURE_SIZE", "RSEQ_ALIGN"]),
  reusesLarge: "one entry a page",
  protectUpgrades: "nothing",
  copiesHuge: true,
  zerosBecomeHuge: "where they may",
  thpEligible: "THPeligible:\t\t",
  filePmdMapped: "FilePmdMapped: ",
  pssDirty: false,
};

/** Every release that the model knows, by its name, the oldest first. */
export const RELEASES = { "5.4": LINUX_5_4, "6.1": LINUX_6_1, "6.18": LINUX_6_18 } as const;

export type ReleaseName = "5.4" | "6.1" | "6.18";
