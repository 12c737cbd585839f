export { elfBytesNeeded, type FileRange, interpRange, parseElf, withInterp } from "./elf.ts";
export { parseShebang, SHEBANG_BYTES, type Shebang } from "./shebang.ts";
