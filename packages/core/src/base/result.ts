import type { Errno } from "./errno.ts";

/** What the kernel answers when it refuses, and in words which check decided it. */
export type Refusal = { readonly errno: Errno; readonly why: string };

export type Result<T, E = Refusal> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

export const fail = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error });

export const refuse = (errno: Errno, why: string): { readonly ok: false; readonly error: Refusal } =>
  fail({ errno, why });

/** Success without a value. */
export const done: { readonly ok: true; readonly value: undefined } = ok(undefined);
