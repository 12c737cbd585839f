/** A function or an object that an ELF file defines; `value` is its address in the file's own terms. */
export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
}

/** Bytes of a file; undefined or fewer where it has none. */
export type ReadBytes = (offset: number, length: number) => Uint8Array | undefined;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

const SYMTAB = 2;
const DYNSYM = 11;
const OBJECT = 1;
const FUNC = 2;
const IFUNC = 10;

/** More is no table of a file that a program maps. */
const MOST_BYTES = 256 * 2 ** 20;

/**
 * The functions and objects that an ELF file defines, in order of address: those of `.symtab`, where it was not
 * stripped, and of `.dynsym`. Undefined for what is no little-endian ELF file, or has no sections.
 */
export function readSymbols(read: ReadBytes): readonly ElfSymbol[] | undefined {
  const sections = readSections(read);
  if (!sections) return undefined;
  const symbols = new Map<string, ElfSymbol>();
  for (const section of sections) {
    const names = sections[section.link];
    if ((section.type !== SYMTAB && section.type !== DYNSYM) || !names) continue;
    for (const symbol of readTable(read, section, names, is64(read)))
      symbols.set(`${symbol.value} ${symbol.name}`, symbol);
  }
  return [...symbols.values()].sort((a, b) => a.value - b.value);
}

const is64 = (read: ReadBytes): boolean => read(4, 1)?.[0] === 2;

function viewAt(read: ReadBytes, offset: number, length: number): DataView | undefined {
  if (length > MOST_BYTES || !Number.isSafeInteger(offset)) return undefined;
  const bytes = read(offset, length);
  return bytes?.length === length ? new DataView(bytes.buffer, bytes.byteOffset, length) : undefined;
}

const long = (view: DataView, at: number, wide: boolean): number =>
  wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);

function readSections(read: ReadBytes): readonly Section[] | undefined {
  const header = viewAt(read, 0, 64);
  if (header?.getUint32(0) !== 0x7f454c46 || header.getUint8(5) !== 1) return undefined;
  const wide = is64(read);
  const offset = long(header, wide ? 0x28 : 0x20, wide);
  const [bytes, count] = [
    header.getUint16(wide ? 0x3a : 0x2e, true),
    header.getUint16(wide ? 0x3c : 0x30, true),
  ];
  const table = offset === 0 || bytes < (wide ? 64 : 40) ? undefined : viewAt(read, offset, bytes * count);
  if (!table) return undefined;
  return Array.from({ length: count }, (_, i) => ({
    type: table.getUint32(i * bytes + 4, true),
    offset: long(table, i * bytes + (wide ? 0x18 : 0x10), wide),
    size: long(table, i * bytes + (wide ? 0x20 : 0x14), wide),
    link: table.getUint32(i * bytes + (wide ? 0x28 : 0x18), true),
  }));
}

function* readTable(read: ReadBytes, section: Section, names: Section, wide: boolean): Generator<ElfSymbol> {
  const table = viewAt(read, section.offset, section.size);
  const text = viewAt(read, names.offset, names.size);
  if (!table || !text) return;
  const bytes = wide ? 24 : 16;
  for (let at = 0; at + bytes <= section.size; at += bytes) {
    const type = table.getUint8(at + (wide ? 4 : 12)) & 15;
    const isDefined = table.getUint16(at + (wide ? 6 : 14), true) !== 0;
    if (!isDefined || (type !== OBJECT && type !== FUNC && type !== IFUNC)) continue;
    const name = nameAt(text, table.getUint32(at, true));
    const value = long(table, at + (wide ? 8 : 4), wide);
    if (name !== "") yield { name, value, size: long(table, at + (wide ? 16 : 8), wide) };
  }
}

function nameAt(text: DataView, from: number): string {
  let name = "";
  for (let at = from; at < text.byteLength; at++) {
    const code = text.getUint8(at);
    if (code === 0) break;
    name += String.fromCharCode(code);
  }
  return name;
}
