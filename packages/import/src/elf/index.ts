export { elfBytesNeeded, type FileRange, interpRange, parseElf, withInterp } from "./elf.ts";
export { type ExecFile, type ExecFiles, type FoundExec, findProgram } from "./find-program.ts";
export { parseShebang, SHEBANG_BYTES, type Shebang } from "./shebang.ts";
