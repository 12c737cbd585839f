/** One thing that a trace says. `line` counts from 1 in the text that was read. */
export type StraceRecord =
  | StraceCall
  | StraceSignal
  | StraceExit
  | StraceSuperseded
  | StraceNote
  | StraceUnreadable;

export interface StraceCall {
  readonly kind: "call";
  /** 0 stands for the process whose pid the text does not print (see `StraceReader`). */
  readonly tid: number;
  readonly name: string;
  /** Argument texts as printed, trimmed, annotations and comments kept. */
  readonly args: readonly string[];
  /** The line on which the call began; for a headless call, the one on which it resumed. */
  readonly startLine: number;
  /** The line on which it returned, or on which it became clear that it never would. */
  readonly line: number;
  /**
   * Seconds at entry: since 1970 (-ttt), since midnight (-t, -tt), or since the first line (-r; the sum of the
   * printed differences, which means nothing in one file of an -ff set).
   */
  readonly time?: number;
  /** Seconds at return, on the same clock: where the text shows that moment (a call that resumed). */
  readonly returned?: number;
  /** Seconds inside the call (-T). */
  readonly duration?: number;
  /** Instruction pointer (-i), hex without 0x as printed. */
  readonly ip?: string;
  readonly result: CallResult;
  /** Innermost frame first (-k). */
  readonly stack?: readonly StackFrame[];
  /** How many lines of hex dump (-e read=, -e write=) followed; their text is not kept. */
  readonly dumpLines?: number;
  /** An execve by another thread: the tid that the caller had before it took over its leader's. */
  readonly formerTid?: number;
  /** A mapping of which the recording shows the file. */
  readonly mapped?: ShownFile;
  /** An exec of which the recording shows where it put things; strace does not. */
  readonly image?: ShownImage;
  /** The text holds only the end of this call ("<... NAME resumed>"): its first arguments are missing. */
  readonly headless?: true;
}

/** A file as a mapping of it shows it. */
export interface ShownFile {
  readonly path: string;
  /** As maps print it: "fe:00". */
  readonly device?: string;
  readonly inode?: number;
}

/** Where an exec put things, as far as a recording shows them; bytes. */
export interface ShownImage {
  /** The program's code, and where in its file that begins. */
  readonly code?: { readonly start: number; readonly offset: number };
  readonly program?: ShownFile;
  /** The dynamic loader. */
  readonly interpreter?: ShownFile;
  /** Where the stack ends. */
  readonly stackTop?: number;
  readonly vdso?: number;
}

export type CallResult =
  | CallValue
  | {
      readonly kind: "error";
      readonly errno: string;
      readonly message: string;
      /** What strace added in parentheses, such as "INJECTED". */
      readonly note?: string;
    }
  /** Interrupted by a signal; the kernel will restart it or turn it into EINTR. */
  | { readonly kind: "restart"; readonly errno: string }
  /** "= ?", or it never returned. */
  | { readonly kind: "none" };

export interface CallValue {
  readonly kind: "value";
  readonly text: string;
  /** Undefined from 2^53 on; `hex` always has it. */
  readonly value: number | undefined;
  /** The 64-bit word, "0x…" in lower case; negative values as two's complement. */
  readonly hex: string;
  /** What -y, -yy or -Y printed in <>, escapes kept. */
  readonly annotation?: string;
  /** What strace added in parentheses or in a comment; several are joined with "; ". */
  readonly note?: string;
}

export interface StackFrame {
  readonly text: string;
  /** The mapped file, as printed. */
  readonly module?: string;
  readonly symbol?: string;
  /** Bytes from the symbol, hex "0x…". */
  readonly offset?: string;
  /** Offset in the module's file, hex "0x…". */
  readonly address: string;
}

export interface StraceSignal {
  readonly kind: "signal";
  readonly tid: number;
  readonly line: number;
  readonly time?: number;
  readonly signal: string;
  readonly code?: string;
  readonly addr?: string;
  /** What stands between the dashes. */
  readonly text: string;
  /** "stopped by SIG…": the process stands still; no signal is delivered. */
  readonly stopped?: true;
  readonly stack?: readonly StackFrame[];
}

export interface StraceExit {
  readonly kind: "exit";
  readonly tid: number;
  readonly line: number;
  readonly time?: number;
  readonly status: { readonly code: number } | { readonly signal: string; readonly core: boolean };
  /** Where the thread called exit (-k prints it behind the exit). */
  readonly stack?: readonly StackFrame[];
}

/** Thread `tid` execs and becomes `leader`, whose own thread is gone. */
export interface StraceSuperseded {
  readonly kind: "superseded";
  readonly tid: number;
  readonly leader: number;
  readonly line: number;
}

/** strace speaks of itself. */
export interface StraceNote {
  readonly kind: "note";
  readonly line: number;
  readonly text: string;
  readonly tid?: number;
  readonly note: "attached" | "detached" | "mode32" | "mode64" | "other";
}

export interface StraceUnreadable {
  readonly kind: "unreadable";
  readonly line: number;
  /** The first 200 characters. */
  readonly text: string;
  readonly why: string;
}
