/** One of the two streams that a command writes to. */
export interface TextSink {
  readonly isTTY: boolean;
  /** Writes the text before it returns; throws ClosedPipe when nobody reads any more. */
  write(text: string): void;
}

/** A stream that takes data which is no text as well. */
export interface DataSink extends TextSink {
  /** Writes the bytes before it returns; throws ClosedPipe when nobody reads any more. */
  writeBytes(bytes: Uint8Array): void;
}

/** The world outside a command: what main gives, and what a test gives instead. */
export interface Io {
  readonly stdout: DataSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Shows text that may be longer than the screen; false where it did not. Absent where nobody looks. */
  readonly page?: (text: string) => boolean;
  /** Aborts on Ctrl-C; from the first time that it is asked for, Ctrl-C does nothing else. */
  readonly interrupted: AbortSignal;
}

/** The reader of our output has gone: nothing is left to do, and nothing to say. */
export class ClosedPipe extends Error {
  override readonly name = "ClosedPipe";
}

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
