import { type KernelState, type MmStruct, PAGE_SIZE, type Vma, vmaName } from "@pagetrail/core";
import { type ElfSymbol, parseHeaders, readSymbols } from "@pagetrail/import";
import { MachineFiles } from "./system-files.ts";

/** What headers of a program may take. */
const HEADERS = 64 * 1024;

/** The symbols of one file, and where its segments lie. */
interface SymbolFile {
  readonly symbols: readonly ElfSymbol[];
  readonly byName: ReadonlyMap<string, ElfSymbol>;
  /** Of each loaded segment its place in the file, and how much higher its addresses are. */
  readonly segments: readonly { readonly offset: number; readonly shift: number }[];
}

/** A symbol where an address space has it. */
export interface PlacedSymbol {
  readonly name: string;
  readonly address: number;
  readonly path: string;
}

/**
 * Symbols of the files that a process has mapped, as they are on this machine. A file that has another length than
 * the recording says is another one, and has none.
 */
export class Symbols {
  readonly #files = new Map<string, SymbolFile | undefined>();
  readonly #machine = new MachineFiles();

  /** The first file in order of address that defines a symbol of this name: the program goes before its libraries. */
  find(name: string, state: KernelState, mm: MmStruct): PlacedSymbol | undefined {
    for (const { path, vma, file } of this.#mapped(state, mm)) {
      const symbol = file.byName.get(name);
      const bias = biasOf(vma, file);
      if (symbol && bias !== undefined) return { name, address: bias + symbol.value, path };
    }
    return undefined;
  }

  /** `main+0x1c`: the symbol that an address lies in. */
  at(address: number, state: KernelState, mm: MmStruct): string | undefined {
    const vma = mm.vmas.find(Math.floor(address / PAGE_SIZE));
    const file = vma && this.#fileOf(state, mm, vma);
    const bias = file && biasOf(vma, file);
    if (!file || bias === undefined) return undefined;
    const value = address - bias;
    const symbol = file.symbols.findLast((one) => one.value <= value);
    if (!symbol || value >= symbol.value + Math.max(1, symbol.size)) return undefined;
    const into = value - symbol.value;
    return into === 0 ? symbol.name : `${symbol.name}+0x${into.toString(16)}`;
  }

  /** Names that begin so, in order. */
  *beginning(start: string, state: KernelState, mm: MmStruct): Generator<string> {
    for (const { file } of this.#mapped(state, mm))
      for (const { name } of file.symbols) if (name.startsWith(start)) yield name;
  }

  *#mapped(
    state: KernelState,
    mm: MmStruct,
  ): Generator<{ readonly path: string; readonly vma: Vma; readonly file: SymbolFile }> {
    const seen = new Set<string>();
    for (const vma of mm.vmas.items()) {
      const path = vmaName(state, mm, vma);
      if (vma.file === 0 || seen.has(path)) continue;
      seen.add(path);
      const file = this.#fileOf(state, mm, vma);
      if (file) yield { path, vma, file };
    }
  }

  #fileOf(state: KernelState, mm: MmStruct, vma: Vma): SymbolFile | undefined {
    const path = vmaName(state, mm, vma);
    if (vma.file === 0 || !path.startsWith("/")) return undefined;
    if (!this.#files.has(path)) this.#files.set(path, this.#read(path, state.files.get(vma.file)?.file.size));
    return this.#files.get(path);
  }

  #read(path: string, recorded: number | undefined): SymbolFile | undefined {
    const read = (offset: number, length: number): Uint8Array | undefined =>
      this.#machine.read(path, offset, length);
    if (recorded !== undefined && recorded > 0 && read(recorded - 1, 2)?.length !== 1) return undefined;
    const image = parseHeaders(read(0, HEADERS) ?? new Uint8Array());
    const symbols = image.ok ? readSymbols(read) : undefined;
    if (!image.ok || !symbols) return undefined;
    const segments = image.value.segments
      .filter(({ type }) => type === "LOAD")
      .map(({ offset, vaddr }) => ({ offset: Number(offset), shift: Number(vaddr) - Number(offset) }));
    return { symbols, byName: new Map(symbols.map((one) => [one.name, one])), segments };
  }
}

/** How much higher a file's addresses are where it is mapped, told from one of its mappings. */
function biasOf(vma: Vma, { segments }: SymbolFile): number | undefined {
  const page = (offset: number): number => Math.floor(offset / PAGE_SIZE);
  const segment = segments.findLast(({ offset }) => page(offset) <= vma.pgoff);
  return segment && (vma.start - vma.pgoff) * PAGE_SIZE - segment.shift;
}
