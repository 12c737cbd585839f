import { parseWord, type Word } from "@pagetrail/core";
import { parseFlags, parseHex, parseNumber, type StraceCall, type SymbolTable } from "../text/index.ts";

/** A call's arguments by place; an argument that the text lacks, or that makes no sense, is undefined. */
export class Arguments {
  constructor(readonly call: StraceCall) {}

  text(index: number): string {
    return this.call.args[index] ?? "";
  }

  number(index: number): number | undefined {
    return parseNumber(this.text(index));
  }

  /** An address, length or other 64-bit word. */
  word(index: number): Word | undefined {
    const text = this.text(index);
    const number = parseNumber(text);
    if (number !== undefined && number >= 0) return number;
    const hex = parseHex(text);
    return hex === undefined ? undefined : parseWord(hex);
  }

  flags(index: number, table: SymbolTable): number | undefined {
    return parseFlags(this.text(index), table);
  }
}
