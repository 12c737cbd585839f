import { createDraft, type Draft, finishDraft, freeze } from "immer";
import type { KernelTraits, Layout } from "../arch/index.ts";
import {
  assert,
  type FileId,
  type Journal,
  type MmId,
  type Pid,
  pagesOf,
  type Trace,
} from "../base/index.ts";
import type { Mmu } from "../fault/index.ts";
import { checkOutKspace, freezeKspace, type Kspace, type KspaceDraft } from "../kspace/index.ts";
import {
  evictCache,
  type MmDraft,
  MmEdit,
  type MmEnv,
  MmPages,
  type MmScalar,
  type MmStep,
  type MmStruct,
  mappingOf,
  type OpenFile,
  redoStep,
  type ShmSegment,
  type Sysctl,
  setField,
  type VdsoPages,
  type VmaStep,
} from "../mm/index.ts";
import { tlbAccess } from "../paging/index.ts";
import {
  type Cpu,
  type CpuDraft,
  NO_MM,
  type Ref,
  type Scheduling,
  type Task,
  type TaskDraft,
  type ThreadGroup,
  type ThreadGroupDraft,
  type World,
} from "../process/index.ts";
import type { Table } from "../struct/index.ts";
import { LedgerDraft } from "./ledger-draft.ts";
import { MemoryDraft, type MemoryState } from "./memory-state.ts";
import { noteChanges, noteSpace } from "./note-changes.ts";
import { layoutOf, type Profile, traitsOf } from "./profile.ts";
import { type FileRecord, KERNEL_FILES, type KernelState, KIN, kinKey } from "./state.ts";
import type { Counters, RecordTable } from "./step.ts";
import { TaskEnv } from "./task-env.ts";
import { TlbDraft, type TlbState } from "./tlb-state.ts";

/** The tables of the root, each cloned when a transaction first writes to it. */
const TABLES = ["tasks", "groups", "mms", "files", "shms", "cpus", "refs", "threads", "children"] as const;
type TableName = (typeof TABLES)[number];
type Tables = { -readonly [K in TableName]: KernelState[K] };
type FileDraft = { -readonly [K in keyof FileRecord]: FileRecord[K] };

/**
 * One transaction on a state: records are checked out once, changed in place, and frozen at commit.
 * Holds one event or a thousand; either way the state that results is the same.
 */
export class Transaction implements World {
  readonly layout: Layout;
  readonly sysctl: Sysctl;
  readonly vdso: VdsoPages;
  readonly scheduling: Scheduling;
  readonly profile: Profile;
  readonly traits: KernelTraits;
  readonly commitment: { committed: number };
  private readonly draft: Draft<KernelState>;
  private readonly tables: Tables;
  private readonly owned = new Set<TableName>();
  private readonly checkedOut = {
    tasks: new Map<Pid, TaskDraft>(),
    groups: new Map<Pid, ThreadGroupDraft>(),
    cpus: new Map<number, CpuDraft>(),
    files: new Map<FileId, FileDraft>(),
  };
  private readonly ledger = new LedgerDraft({ peek: () => this.tables.refs, own: () => this.own("refs") });
  private readonly mmDrafts = new Map<MmId, MmDraft>();
  /** The machine's memory, checked out when it is first needed. */
  private memoryDraft: MemoryDraft | undefined;
  /** The event that is being done. */
  now: number;
  /** Whose faults are being counted. */
  private faulting = 0 as Pid;
  private restoredMemory: MemoryState | undefined;
  /** The TLBs, checked out when they are first needed. */
  private tlbDraft: TlbDraft | undefined;
  private restoredTlb: TlbState | undefined;
  private kspaceDraft: KspaceDraft | undefined;
  /** The edits that were handed out, each until its task comes, goes or changes, or any group does. */
  private readonly edits = new Map<Pid, { readonly task: Task; readonly edit: MmEdit }>();
  private readonly counters: { nextMm: number; nextAnonVma: number; nextFile: number };

  constructor(
    private readonly base: KernelState,
    private readonly journal?: Journal,
    readonly trace?: Trace,
  ) {
    this.profile = base.profile;
    this.layout = layoutOf(base.profile);
    this.traits = traitsOf(base.profile);
    this.sysctl = base.profile.sysctl;
    this.vdso = base.profile.vdso;
    this.scheduling = base.profile.scheduling;
    this.now = base.seq + 1;
    this.commitment = { committed: base.committed };
    this.draft = createDraft(base);
    const { tasks, groups, mms, files, shms, cpus, refs, threads, children } = base;
    this.tables = { tasks, groups, mms, files, shms, cpus, refs, threads, children };
    this.counters = { nextMm: base.nextMm, nextAnonVma: base.nextAnonVma, nextFile: base.nextFile };
  }

  /** The state with everything that was done here, as of event `seq`. The transaction ends. */
  commit(seq: number): KernelState {
    this.settleFaults();
    this.ledger.settle();
    this.settleTlb();
    for (const record of this.checkedOut.tasks.values()) Object.freeze(record);
    for (const record of this.checkedOut.groups.values()) Object.freeze(record);
    for (const record of this.checkedOut.files.values()) Object.freeze(record);
    for (const record of this.checkedOut.cpus.values()) Object.freeze(record);
    for (const record of this.mmDrafts.values()) Object.freeze(record);
    Object.assign(this.draft, this.counters, { seq, committed: this.commitment.committed });
    for (const name of this.owned) Object.assign(this.draft, { [name]: this.tables[name] });
    const memory = this.restoredMemory ?? this.memoryDraft?.commit();
    if (memory) Object.assign(this.draft, { memory });
    const tlb = this.restoredTlb ?? this.tlbDraft?.commit();
    if (tlb) Object.assign(this.draft, { tlb });
    if (this.kspaceDraft) Object.assign(this.draft, { kspace: freezeKspace(this.kspaceDraft) });
    const state = finishDraft(this.draft) as KernelState;
    const spaces = this.memoryDraft && this.mmDrafts.keys();
    if (this.journal) noteChanges(this.journal, this.base, state, spaces);
    return state;
  }

  peekTask(pid: Pid): Task | undefined {
    return this.checkedOut.tasks.get(pid) ?? this.tables.tasks.get(pid);
  }

  task(pid: Pid): TaskDraft {
    this.edits.delete(pid);
    const mine = this.checkedOut.tasks.get(pid);
    if (mine) return mine;
    const record = this.tables.tasks.get(pid);
    assert(record, `task ${pid}`);
    const copy = { ...record };
    this.checkedOut.tasks.set(pid, copy);
    this.own("tasks").set(pid, copy);
    return copy;
  }

  threads(tgid: Pid): readonly Task[] {
    return this.kin(this.tables.threads, tgid);
  }

  children(parent: Pid): readonly Task[] {
    return this.kin(this.tables.children, parent);
  }

  private kin(index: Table<number, Pid>, of: Pid): readonly Task[] {
    return index.range(of * KIN, (of + 1) * KIN).map((pid) => {
      const task = this.tables.tasks.get(pid);
      assert(task, `task ${pid}`);
      return task;
    });
  }

  addTask(task: Task): void {
    this.settleFaults();
    this.edits.delete(task.pid);
    const copy = { ...task };
    this.index(task.pid, copy);
    this.checkedOut.tasks.set(task.pid, copy);
    this.own("tasks").set(task.pid, copy);
  }

  removeTask(pid: Pid): void {
    this.settleFaults();
    this.edits.delete(pid);
    this.index(pid, undefined);
    this.checkedOut.tasks.delete(pid);
    this.own("tasks").delete(pid);
  }

  setParent(pid: Pid, parent: Pid): void {
    const task = this.task(pid);
    this.index(pid, { ...task, parent });
    task.parent = parent;
  }

  /** Keeps the tables of threads and children in step with a task that comes, goes or gets another parent. */
  private index(pid: Pid, task: Task | undefined): void {
    const before = this.peekTask(pid);
    if (before?.tgid !== task?.tgid) {
      if (before && before.tgid > 0) this.own("threads").delete(kinKey(before.tgid, pid));
      if (task && task.tgid > 0) this.own("threads").set(kinKey(task.tgid, pid), pid);
    }
    if (before?.parent === task?.parent) return;
    if (before && before.parent > 0) this.own("children").delete(kinKey(before.parent, pid));
    if (task && task.parent > 0) this.own("children").set(kinKey(task.parent, pid), pid);
  }

  cpus(): Iterable<Cpu> {
    return this.tables.cpus.values();
  }

  peekCpu(id: number): Cpu | undefined {
    return this.checkedOut.cpus.get(id) ?? this.tables.cpus.get(id);
  }

  cpu(id: number): CpuDraft {
    const mine = this.checkedOut.cpus.get(id);
    if (mine) return mine;
    const record = this.tables.cpus.get(id);
    assert(record, `CPU ${id}`);
    const copy = { ...record };
    this.checkedOut.cpus.set(id, copy);
    this.own("cpus").set(id, copy);
    return copy;
  }

  get tlb(): TlbDraft | undefined {
    if (!this.tlbDraft && this.base.tlb)
      this.tlbDraft = new TlbDraft(this.base.tlb, this.profile, {
        online: () => this.onlineCpus(),
        ownerOf: (pages) => this.ownerOf(pages),
      });
    return this.tlbDraft;
  }

  private onlineCpus(): readonly number[] {
    return [...this.tables.cpus.values()].filter(({ online }) => online).map(({ id }) => id);
  }

  private ownerOf(pages: MmPages): MmId | undefined {
    for (const mm of this.tables.mms.values()) if (mm.pages?.id === pages.id) return mm.id;
    return undefined;
  }

  /** From here on kernel code runs for this task: on its CPU, or where it ran last. */
  actFor(tid: Pid): void {
    const { tlb } = this;
    if (!tlb) return;
    const task = this.peekTask(tid);
    tlb.acting = task?.onCpu ?? task?.cpu ?? 0;
  }

  /** The CPU that a task runs on, as its accesses go through it; undefined where there is no TLB in their way. */
  mmuOf(tid: Pid): Mmu | undefined {
    const { tlb } = this;
    const cpu = tlb && this.peekTask(tid)?.onCpu;
    if (!tlb || cpu === undefined) return undefined;
    return (page, grants, walk) => tlbAccess(tlb.cpu(cpu), page, walk, grants).entry !== undefined;
  }

  /** An IPI may have made a CPU load init_mm: what it has loaded is what its TLB says. */
  private settleTlb(): void {
    for (const { cpu, loadedMm, isLazy } of this.tlbDraft?.changed() ?? []) {
      const record = this.peekCpu(cpu);
      if (record?.loadedMm !== loadedMm || record.lazy !== isLazy)
        Object.assign(this.cpu(cpu), { loadedMm, lazy: isLazy });
    }
  }

  peekRef(key: number): Ref | undefined {
    return this.ledger.peek(key);
  }

  setRef(key: number, ref: Ref | undefined): void {
    this.ledger.set(key, ref);
  }

  namedRefs(): readonly Ref[] {
    return this.ledger.named();
  }

  lastRef(): number {
    return this.ledger.last();
  }

  peekGroup(tgid: Pid): ThreadGroup | undefined {
    return this.checkedOut.groups.get(tgid) ?? this.tables.groups.get(tgid);
  }

  group(tgid: Pid): ThreadGroupDraft {
    this.edits.clear();
    const mine = this.checkedOut.groups.get(tgid);
    if (mine) return mine;
    const record = this.tables.groups.get(tgid);
    assert(record, `thread group ${tgid}`);
    const copy = { ...record };
    this.checkedOut.groups.set(tgid, copy);
    this.own("groups").set(tgid, copy);
    return copy;
  }

  addGroup(group: ThreadGroup): void {
    this.edits.clear();
    const copy = { ...group };
    this.checkedOut.groups.set(group.tgid, copy);
    this.own("groups").set(group.tgid, copy);
  }

  removeGroup(tgid: Pid): void {
    this.edits.clear();
    this.checkedOut.groups.delete(tgid);
    this.own("groups").delete(tgid);
  }

  newMmId(): MmId {
    return this.counters.nextMm++ as MmId;
  }

  mm(id: MmId): MmDraft {
    const mine = this.mmDrafts.get(id);
    if (mine) return mine;
    const record = this.tables.mms.get(id);
    assert(record, `mm ${id}`);
    const copy: MmDraft = { ...record, vmas: record.vmas.clone() };
    if (record.pages) copy.pages = record.pages.clone();
    this.mmDrafts.set(id, copy);
    this.own("mms").set(id, copy);
    return copy;
  }

  addMm(mm: MmStruct, pages: "fresh" | "given" = "fresh"): void {
    const copy: MmDraft = { ...mm };
    if (this.memory && pages === "fresh" && !copy.pages)
      copy.pages = MmPages.create(this.memory.paging, this.memory.tables);
    this.mmDrafts.set(mm.id, copy);
    this.own("mms").set(mm.id, copy);
    noteSpace(this.journal, mm.id, undefined, copy);
  }

  setMm<F extends MmScalar>(id: MmId, field: F, value: MmStruct[F]): void {
    setField(this.mm(id), field, value, this.journal);
  }

  freePgd(id: MmId): void {
    const { pages } = this.mm(id);
    if (pages) this.memory?.tables.freeTable(pages.table.pgd);
  }

  removeMm(id: MmId): void {
    noteSpace(this.journal, id, this.mm(id), undefined);
    this.tlb?.forget(id);
    this.mmDrafts.delete(id);
    this.own("mms").delete(id);
  }

  /** Does a step of an address space over again; what files count is told by steps of their own. */
  redoMm(step: VmaStep | MmStep): void {
    redoStep(this.mm(step.mm), step);
  }

  putSpace(id: MmId, mm: MmStruct | undefined): void {
    if (mm) this.addMm({ ...mm, vmas: mm.vmas.clone() }, "given");
    else this.removeMm(id);
  }

  putPages(id: MmId, pages: MmPages | undefined): void {
    if (this.tables.mms.has(id)) this.mm(id).pages = pages?.clone();
  }

  putMemory(memory: MemoryState): void {
    this.restoredMemory = memory;
  }

  putTlb(tlb: TlbState): void {
    this.restoredTlb = tlb;
  }

  putRecord(table: RecordTable, key: number, record: object | undefined): void {
    if (table === "tasks") this.index(key as Pid, record as Task | undefined);
    const records = this.own(table) as Table<number, object>;
    if (record) records.set(key, record);
    else records.delete(key);
  }

  /** The kernel half, checked out. */
  kspace(): KspaceDraft {
    this.kspaceDraft ??= checkOutKspace(this.base.kspace);
    return this.kspaceDraft;
  }

  peekKspace(): Kspace {
    return this.kspaceDraft ?? this.base.kspace;
  }

  putKspace(kspace: Kspace): void {
    this.kspaceDraft = checkOutKspace(kspace);
  }

  putCounters({ committed, nextMm, nextAnonVma, nextFile }: Counters): void {
    this.commitment.committed = committed;
    Object.assign(this.counters, { nextMm, nextAnonVma, nextFile });
  }

  /** The address space of a task, checked out for its own calls; undefined when it has none. */
  editOf(tid: Pid): MmEdit | undefined {
    const known = this.edits.get(tid);
    if (known && known.task.mm === known.edit.mm.id) return known.edit;
    const task = this.peekTask(tid);
    return task && task.mm !== NO_MM ? this.edit(this.mm(task.mm), task) : undefined;
  }

  edit(mm: MmDraft, task: Task): MmEdit {
    const edit = new MmEdit(mm, this.env(task, mm), this.journal);
    this.edits.set(task.pid, { task, edit });
    return edit;
  }

  teardown(mm: MmDraft): MmEdit {
    return new MmEdit(mm, this.fileEnv, this.journal);
  }

  makeFile(file: Omit<OpenFile, "id">): OpenFile {
    const made: OpenFile = { ...file, id: this.counters.nextFile++ as FileId };
    this.defineFile(made);
    return made;
  }

  /** Introduces an open file, or says again what is known of it. */
  defineFile(file: OpenFile): void {
    const mappings = this.tables.files.get(file.id)?.mappings ?? 0;
    this.checkedOut.files.delete(file.id);
    this.own("files").set(file.id, freeze({ file, mappings }, true));
  }

  peekFile(id: FileId): OpenFile | undefined {
    return this.tables.files.get(id)?.file;
  }

  files(): Iterable<FileRecord> {
    return this.tables.files.values();
  }

  peekShm(id: number): ShmSegment | undefined {
    return this.tables.shms.get(id);
  }

  /**
   * Introduces a System V segment, which is charged as a whole while it lives: newseg, ipc/shm.c. Its pages have one
   * home from the start, which every attachment shares. One that is there already stays as it was made; who finds
   * it by its key may ask for less.
   */
  makeShm(segment: Omit<ShmSegment, "mapping">): void {
    if (this.peekShm(segment.id)) return;
    this.commitment.committed += pagesOf(segment.size);
    const home = this.base.memory && { mapping: this.counters.nextFile++ as FileId };
    this.own("shms").set(segment.id, freeze({ ...segment, ...home }));
  }

  /** Removes a segment; what is attached keeps it, its charge and its pages alive. */
  removeShm(id: number): void {
    const segment = this.peekShm(id);
    this.own("shms").delete(id);
    if (segment && !this.isAttached(id)) this.commitment.committed -= pagesOf(segment.size);
    if (segment?.mapping !== undefined) this.evictUnlessMapped(segment.mapping);
  }

  private isAttached(id: number): boolean {
    for (const { file } of this.files()) if (file.kind === "shm" && file.inode === id) return true;
    return false;
  }

  /** `count` more VMAs map the file; at none it is forgotten, as the last fput does. */
  fileMapped(id: FileId, count: number): void {
    const record = this.file(id);
    record.mappings += count;
    if (record.mappings > 0) return;
    this.checkedOut.files.delete(id);
    this.own("files").delete(id);
    const { kind, inode = 0, charged = 0 } = record.file;
    const lives = kind === "shm" && (this.peekShm(inode) !== undefined || this.isAttached(inode));
    if (!lives) this.commitment.committed -= charged;
    this.evictUnlessNamed(record.file);
  }

  /** The pages of an object without a name go with its last mapping; those of other files stay cached. */
  private evictUnlessNamed(file: OpenFile): void {
    const anonymous = (file.kind === "shmem" || file.kind === "hugetlb") && file.id >= KERNEL_FILES;
    const segment = file.kind === "shm" && !this.tables.shms.has(file.inode ?? 0);
    if (anonymous || segment) this.evictUnlessMapped(mappingOf(file));
  }

  private evictUnlessMapped(mapping: FileId): void {
    const { memory } = this;
    if (!memory) return;
    for (const other of this.tables.files.values()) if (mappingOf(other.file) === mapping) return;
    evictCache(memory, mapping);
  }

  private file(id: FileId): FileDraft {
    const mine = this.checkedOut.files.get(id);
    if (mine) return mine;
    const record = this.tables.files.get(id);
    assert(record, `file ${id}`);
    const copy = { ...record };
    this.checkedOut.files.set(id, copy);
    this.own("files").set(id, copy);
    return copy;
  }

  /** The machine's memory; undefined in a log that does not tell of accesses. */
  get memory(): MemoryDraft | undefined {
    if (!this.memoryDraft && this.base.memory)
      this.memoryDraft = new MemoryDraft(
        this.base.memory,
        this.profile,
        () => this.tables.mms.values(),
        (mapping) => this.mappersOf(mapping),
        this.tlb?.gather,
      );
    return this.memoryDraft;
  }

  /** Address spaces that map a file, checked out: found by looking at all of them. */
  private mappersOf(mapping: FileId): readonly MmEdit[] {
    const maps = (mm: MmStruct): boolean => {
      for (const v of mm.vmas.items()) {
        const file = v.file === 0 ? undefined : this.peekFile(v.file);
        if (file && mappingOf(file) === mapping) return true;
      }
      return false;
    };
    const mappers = [...this.tables.mms.values()].filter(maps);
    return mappers.map((mm) => new MmEdit(this.mm(mm.id), this.fileEnv, this.journal));
  }

  /** What truncating a file and taking down an address space need of the world: nobody's permission. */
  private get fileEnv(): MmEnv {
    const env: Pick<MmEnv, "memory" | "sysctl" | "commitment" | "trace" | "file" | "fileMapped" | "traits"> =
      {
        traits: this.traits,
        fileMapped: (id, count) => this.fileMapped(id, count),
        memory: this.memory,
        sysctl: this.sysctl,
        commitment: this.commitment,
        trace: this.trace,
        file: (id) => this.fileOf(id),
      };
    return env as MmEnv;
  }

  fileOf(id: FileId): OpenFile {
    const file = this.peekFile(id);
    assert(file, `file ${id}`);
    return file;
  }

  /** Faults from here on are this task's: mm_account_fault. */
  faultsAreOf(pid: Pid): void {
    if (pid === this.faulting) return;
    this.settleFaults();
    this.faulting = pid;
  }

  /** Adds what was counted to the task that had the faults. */
  private settleFaults(): void {
    const counted = this.memoryDraft?.counted;
    if (!counted || (counted.minor === 0 && counted.major === 0)) return;
    const { minor, major } = counted;
    counted.minor = 0;
    counted.major = 0;
    if (!this.peekTask(this.faulting)) return;
    const task = this.task(this.faulting);
    task.minFlt += minor;
    task.majFlt += major;
  }

  private env(task: Task, { pages }: MmStruct): MmEnv {
    const group = this.tables.groups.get(task.tgid);
    assert(group, `thread group ${task.tgid}`);
    return new TaskEnv(this, task, group, pages && this.memory);
  }

  nextAnonVma(): number {
    return this.counters.nextAnonVma++;
  }

  /** The table, this transaction's own copy of it from the first write on. */
  private own<N extends TableName>(name: N): Tables[N] {
    if (!this.owned.has(name)) {
      this.owned.add(name);
      this.tables[name] = this.tables[name].clone() as Tables[N];
    }
    return this.tables[name];
  }
}
